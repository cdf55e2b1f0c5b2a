"""A set of articles that is searched and ranked together: a snapshot's, or the changes since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32, union
from recommend.index.backlinks import Backlinks
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING
from recommend.index.dense import KINDS, VectorIndex, exact_search, nearest_within, scans_exactly
from recommend.index.expansion import ExpandedTerms
from recommend.index.labels import NONE
from recommend.index.lexical import TermMatrix, stack
from recommend.index.lexicon import Terms, TermVector
from recommend.index.query import Prepared, Query
from recommend.index.table import ArticleTable
from recommend.index.time_curve import TimeCurve
from recommend.settings import RankingSettings

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SMALLEST_INDEXED = 1_000
"""Articles from which on an index is searched; to scan fewer takes no longer."""


@dataclass(frozen=True, slots=True)
class Segment:
    """n articles with everything ranking needs of them.

    Attributes:
        embeddings: (n, d) float16, projected, expanded (see :mod:`recommend.index.expansion`).
        groups: (n,) uint64 duplicate groups.
        neighbours: (n, c) int32 rows of each article's nearest; None where ``contexts`` hold what came of them.
        lengths: (n,) float32 lengths of the expanded term vectors.
        contexts: of each article, its expanded terms; empty where ``neighbours`` tells.
        index: over ``embeddings``; None where n is so small that a scan is as good.
        time_curve: of the snapshot.
        tags, authors: of the articles, see :mod:`recommend.index.labels`.
        titles: of the articles, see :mod:`recommend.index.titles`.
        backlinks: of the articles, see :mod:`recommend.index.backlinks`.
    """

    table: ArticleTable
    embeddings: NDArray[np.float16]
    matrix: TermMatrix
    groups: NDArray[np.uint64]
    neighbours: NDArray[np.int32] | None
    lengths: FloatArray
    contexts: tuple[TermVector, ...]
    index: VectorIndex | None
    time_curve: TimeCurve
    tags: TermMatrix
    authors: TermMatrix
    titles: TermMatrix
    backlinks: Backlinks

    @classmethod
    def of(cls, prepared: Iterable[Prepared], beside: Segment) -> Segment:
        """A segment of prepared articles, whose terms, labels and dimensions are those of the snapshot's segment
        ``beside``."""
        ordered = sorted(prepared, key=lambda one: one.article.id)
        embeddings = np.array([one.embedding for one in ordered], np.float16).reshape(
            len(ordered), beside.embeddings.shape[1]
        )
        return cls(
            ArticleTable.of_rows([one.row for one in ordered]),
            embeddings,
            stack([one.terms for one in ordered], beside.matrix.rows.shape[1]),
            np.array([one.group for one in ordered], np.uint64),
            None,
            np.ones(len(ordered), np.float32),
            tuple(one.context for one in ordered),
            VectorIndex.build(embeddings, KINDS["flat"]) if len(ordered) >= SMALLEST_INDEXED else None,
            beside.time_curve,
            stack([one.tags for one in ordered], beside.tags.rows.shape[1]),
            stack([one.authors for one in ordered], beside.authors.rows.shape[1]),
            stack([one.title for one in ordered], beside.titles.rows.shape[1]),
            Backlinks.of_vectors(
                [one.backlinks for one in ordered],
                beside.backlinks.linking,
                np.array([one.group if one.links_as is None else one.links_as for one in ordered], np.uint64),
            ),
        )

    def __len__(self) -> int:
        return len(self.table)

    def query(self, row: int) -> Query:
        """The query that one of the segment's articles makes."""
        return Query(
            to_float32(self.embeddings[row]),
            self.matrix.vector(row),
            self._context(row),
            int(self.table.published_at[row]),
            self.table.value("language", row),
            self.table.value("section", row),
            self.table.value("genre", row),
            self.table.headline(row),
            int(self.groups[row]),
            self.table.access(row),
            self.tags.vector(row),
            self.authors.vector(row),
            card=partial(self.table.card, row),
            links_as=int(self.link_as[row]),
        )

    @property
    def link_as(self) -> NDArray[np.uint64]:
        """(n,) duplicate groups by which the snapshot knows what the articles link to."""
        return self.groups if self.backlinks.own is None else self.backlinks.own

    def check(self) -> None:
        """Looks whether it can be searched."""

    @property
    def is_whole(self) -> bool:
        """Whether all articles are at hand."""
        return True

    @property
    def is_partial(self) -> bool:
        """Whether articles are missing for a while, as they lie on a server that does not answer."""
        return False

    @property
    def total(self) -> int:
        """How many articles there are to search, at hand or not."""
        return len(self)

    def row(self, article_id: str) -> int | None:
        """The row of an id, None when there is none."""
        return self.table.row(article_id)

    def links_of(self, article_id: str) -> tuple[TermVector, int | None]:
        """The backlinks of an article, and the duplicate group by which it links; of one that is not here: none."""
        row = self.table.row(article_id)
        return (NONE, None) if row is None else (self.backlinks.vector(row), int(self.groups[row]))

    def bring(self, ids: Iterable[str]) -> None:
        """Has the articles of some ids at hand."""

    def bring_newest(self, conditions: Conditions, section: str | None, count: int) -> None:
        """Has the ``count`` newest articles at hand that fulfil the conditions, of a section if one is given."""

    def bring_matching(self, terms: TermVector, conditions: Conditions, count: int) -> None:
        """Has about the ``count`` best matches of some terms at hand that fulfil the conditions."""

    def retrieve_brought(self, query: Query, count: int, settings: RankingSettings) -> IntArray:
        """Rows of the candidates among those articles that were brought since ready lists were made."""
        return np.zeros(0, np.int64)

    def around(self, vector: FloatArray, count: int) -> Segment:
        """A segment that has the ``count`` embeddings nearest to a vector (d,) at hand."""
        return self

    def without(self, ids: Iterable[str], alive: BoolArray | None) -> tuple[Segment, BoolArray | None]:
        """The segment, and (n,) which of its rows are alive, once the articles of some ids are not; ``alive`` are those
        that were before."""
        rows = [row for row in map(self.table.row, ids) if row is not None]
        if not rows:
            return self, alive
        remaining = np.ones(len(self), np.bool_) if alive is None else alive.copy()
        remaining[rows] = False
        return self, remaining

    def passing(self, mask: BoolArray | None, conditions: Conditions) -> int:
        """How many articles pass a mask (n,), None where all do, and where others are not at hand, the conditions."""
        return len(self) if mask is None else int(np.count_nonzero(mask))

    @property
    def gone(self) -> IntArray:
        """(g,) numbers of the articles that changed since, where others are not at hand."""
        return np.zeros(0, np.int64)

    def without_numbers(self, gone: IntArray) -> Segment:
        """The segment without the articles of those numbers (g,)."""
        return self

    def ids(self, alive: BoolArray | None, conditions: Conditions | None = None) -> Iterator[str]:
        """The ids of all articles that are alive (n,); None: of all. Where others are not at hand, ``conditions`` say
        of them what ``alive`` says of rows."""
        rows = range(len(self)) if alive is None else np.flatnonzero(alive)
        return (self.table.id(int(row)) for row in rows)

    def of_group(self, group: int) -> Iterator[str]:
        """The ids of the articles of a duplicate group."""
        return map(self.table.id, np.flatnonzero(self.groups == np.uint64(group)).tolist())

    def count(self, alive: BoolArray | None) -> int:
        """How many those are."""
        return len(self) if alive is None else int(np.count_nonzero(alive))

    def sections(self, alive: BoolArray | None) -> list[tuple[str, int]]:
        """Names of sections, and how many articles alive (n,) each has."""
        codes, names = self.table.codes("section"), self.table.values("section")
        present, numbers = np.unique(codes if alive is None else codes[alive], return_counts=True)
        return [(names[code], n) for code, n in zip(present.tolist(), numbers.tolist(), strict=True) if code >= 0]

    @property
    def accesses(self) -> frozenset[str]:
        """Those that any article has."""
        return frozenset(self.table.values("access"))

    @property
    def languages(self) -> list[str]:
        """Those that any article has."""
        return self.table.values("language")

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """See :meth:`~recommend.index.timeline.Timeline.next_change_at`."""
        return self.table.timeline.next_change_at(now, embargo)

    def first_published(self, since: int) -> int | None:
        """See :meth:`~recommend.index.timeline.Timeline.first_published`."""
        return self.table.timeline.first_published(since)

    def retrieve(
        self,
        query: Query,
        count: int,
        settings: RankingSettings,
        allowed: BoolArray | None,
        conditions: Conditions | None = None,
    ) -> IntArray:
        """Rows of the candidates, ascending: the ``count`` nearest embeddings, the ``count`` best lexical matches, and
        of the articles nearest in time the nearest embeddings, so that what is old does not crowd out what is near.

        ``allowed`` (n,) acts inside both searches; where it lets few rows through, all of those are candidates. It says
        of the rows at hand what ``conditions`` say of all; None where nothing is filtered.
        """
        if allowed is None:
            return self.retrieve_each([query], count, settings)[0]
        if int(np.count_nonzero(allowed)) <= count:
            return np.flatnonzero(allowed)
        dense = self.nearest(query.embedding, count, allowed)
        lexical = self.matrix.search(query.terms, count, settings.lexical_terms, allowed)
        beside = self._near_in_time(query, count // 2, settings.near_in_time, allowed)
        return union([dense, lexical, beside])

    def retrieve_each(self, queries: Sequence[Query], count: int, settings: RankingSettings) -> list[IntArray]:
        """What :meth:`retrieve` brings for each of some queries, filtered by nothing."""
        if len(self) <= count or not queries:
            return [np.arange(len(self)) for _ in queries]
        vectors = np.array([query.embedding for query in queries])
        dense = self._nearest_each(vectors, count)
        lexical = (self.matrix.search(query.terms, count, settings.lexical_terms) for query in queries)
        beside = self._near_in_time_each(queries, vectors, count // 2, settings.near_in_time)
        return [union(parts) for parts in zip(dense, lexical, beside, strict=True)]

    def nearest(self, vector: FloatArray, count: int, allowed: BoolArray | None = None) -> IntArray:
        """Rows of the ``count`` embeddings nearest to ``vector`` (d,), nearest first."""
        if self.index is None or scans_exactly(allowed):
            rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
            return exact_search(self.embeddings, vector, count, rows)
        return self.index.search(vector, count, allowed)

    def _nearest_each(self, vectors: FloatArray, count: int) -> list[IntArray]:
        if self.index is None:
            return [self.nearest(vector, count) for vector in vectors]
        return self.index.search_each(vectors, count)

    def _near_in_time(self, query: Query, count: int, scanned: int, allowed: BoolArray) -> IntArray:
        """Rows of the ``count`` nearest embeddings among the ``scanned`` articles about as near in time as any that are
        allowed; none where nearness in time says nothing."""
        if query.published_at == MISSING or self.time_curve.flat or not scanned:
            return np.zeros(0, np.int64)
        timeline = self.table.timeline
        rows = timeline.dated[timeline.around(query.published_at, scanned)]
        return exact_search(self.embeddings, query.embedding, count, np.sort(rows[allowed[rows]]))

    def _near_in_time_each(
        self, queries: Sequence[Query], vectors: FloatArray, count: int, scanned: int
    ) -> list[IntArray]:
        """The same for each of some queries, in no order, where all are allowed."""
        found = [np.zeros(0, np.int64) for _ in queries]
        if self.time_curve.flat or not scanned:
            return found
        timeline = self.table.timeline
        dated = (place for place, query in enumerate(queries) if query.published_at != MISSING)
        spans = {place: timeline.around(queries[place].published_at, scanned) for place in dated}
        for some in _beside_each_other(spans, 2 * scanned):
            first = spans[some[0]].start
            rows = timeline.dated[first : max(spans[place].stop for place in some)]
            within = [slice(spans[place].start - first, spans[place].stop - first) for place in some]
            nearest = nearest_within(to_float32(self.embeddings[rows]), vectors[some], count, rows, within)
            for place, near in zip(some, nearest, strict=True):
                found[place] = near
        return found

    def _context(self, row: int) -> Terms:
        if self.neighbours is None:
            return self.contexts[row]
        return ExpandedTerms(self.matrix, row, self.neighbours[row])


def _beside_each_other(spans: Mapping[int, slice], most: int) -> Iterator[list[int]]:
    """The keys of spans that lie within ``most`` of each other, or one that is longer, together."""
    together: list[int] = []
    for place in sorted(spans, key=lambda place: spans[place].start):
        if together and spans[place].stop - spans[together[0]].start > most:
            yield together
            together = []
        together.append(place)
    if together:
        yield together
