"""The snapshot's best candidates for a query; articles changed since the snapshot are scored against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recommend.articles.languages import primary_language, same_language
from recommend.index.lists import LISTED
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.corpus import Corpus
from recommend.ranking.features import comparable, compute_features, compute_features_each
from recommend.ranking.history import keys
from recommend.ranking.listed_reasons import ListedReasons
from recommend.ranking.model import Ranker, dense_share
from recommend.ranking.repeats import Repeats
from recommend.ranking.scores import neutral, score
from recommend.settings import RankingSettings

Means = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SCORED_AT_ONCE = 128  # more leave the cache
_BROUGHT = 2 * LISTED  # nearest, and best matches again, of what was brought since: LISTED of all are on a list


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Candidates of the snapshot, before any filter.

    Attributes:
        candidates: best first, ties by id.
        means: (f,) what stands in for a feature that says nothing of an article, see
            :func:`~recommend.ranking.scores.neutral`; of all candidates that were found.
        exhaustive: whether the snapshot holds no others.
        count: how many each search was for; 0 where not all that it brought is here.
        reasons: reasons that need not be computed; ``repeats`` what need not of which candidates tell the same.
    """

    candidates: Candidates
    means: Means
    exhaustive: bool
    count: int = 0
    reasons: ListedReasons | None = None
    repeats: Repeats | None = None

    def listed(self) -> Shortlist:
        """The best LISTED of it."""
        whole = self.exhaustive and len(self.candidates) <= LISTED
        return Shortlist(self.candidates.first(LISTED), self.means, whole)

    @property
    def least(self) -> float:
        """An upper bound of the scores of the snapshot's other candidates."""
        return -np.inf if self.exhaustive else float(self.candidates.scores.min(initial=np.inf))


@dataclass(frozen=True)
class Scoring:
    """Finds and scores candidates of one state of everything that can be recommended.

    Attributes:
        view: that state.
        settings: how.
        ranker: for queries in the encoder's language; ``foreign`` for others.
    """

    view: View
    settings: RankingSettings
    ranker: Ranker
    foreign: Ranker

    def shortlist(self, query: Query, own: Place | None) -> Shortlist:
        """All candidates that the snapshot has under a query; ``own`` is the query article's place."""
        return self.shortlists([query], [own])[0]

    def shortlists(self, queries: Sequence[Query], owns: Sequence[Place | None]) -> list[Shortlist]:
        """The same under each of some queries: sooner than one by one."""
        shortlists = dict[int, Shortlist]()
        for language in dict.fromkeys(query.language for query in queries):
            some = [i for i, query in enumerate(queries) if query.language == language]
            lists = self._of_one_language([queries[i] for i in some], [owns[i] for i in some])
            shortlists |= zip(some, lists, strict=True)
        return [shortlists[i] for i in range(len(queries))]

    def _of_one_language(self, queries: Sequence[Query], owns: Sequence[Place | None]) -> Iterator[Shortlist]:
        candidates = self.view.segments[0].retrieve_each(queries, self.settings.candidates, self.settings)
        for start in range(0, len(queries), _SCORED_AT_ONCE):
            some = slice(start, start + _SCORED_AT_ONCE)
            yield from self._of_brought(queries[some], owns[some], candidates[some])

    def _of_brought(
        self, queries: Sequence[Query], owns: Sequence[Place | None], brought: Sequence[IntArray]
    ) -> Iterator[Shortlist]:
        segment, count = self.view.segments[0], self.settings.candidates
        pairs = zip(owns, brought, strict=True)
        rows = [some if own is None or own[0] else some[some != own[1]] for own, some in pairs]
        candidates, sizes = compute_features_each(segment, 0, queries, rows, as_of=self._as_of), [*map(len, rows)]
        ranker = self.ranker_of(queries[0].language)
        features = comparable(candidates.features, self.view.snapshot.manifest.units[0])
        means = neutral(features, ranker.means, ranker.deviations, sizes).astype(np.float32).astype(np.float64)
        lengths = self.corpus.length_weights(np.array([query.term_count for query in queries]))
        weights = np.repeat(lengths, sizes)[:, None]
        scored = self.each(candidates, queries[0].language, weights, np.repeat(means, sizes, axis=0))
        ends = np.cumsum([0, *sizes]).tolist()
        for own, mean, (start, stop) in zip(owns, means, pairwise(ends), strict=True):
            others = segment.total - (own is not None and own[0] == 0)
            yield Shortlist(self.best_first(scored.take(slice(start, stop))), mean, stop - start >= others, count)

    def with_brought(self, query: Query, short: Shortlist) -> Shortlist:
        """A shortlist that was made when everything was built, and what was brought since that ranks among it."""
        segment = self.view.segments[0]
        rows = segment.retrieve_brought(query, _BROUGHT, self.settings)
        if not len(rows):
            return short
        added = self.scored(query, self.features(0, query, rows), short.means)
        added = added.take(added.scores > short.least)
        return replace(short, candidates=self.best_first(Candidates.joined([short.candidates, added])))

    def changed(self, query: Query, own: Place | None, means: Means) -> Candidates:
        """All articles that changed since the snapshot but the query's own, in no order."""
        parts = []
        for number, segment in enumerate(self.view.segments[1:], start=1):
            rows = np.arange(len(segment))
            if own is not None and own[0] == number:
                rows = rows[rows != own[1]]
            parts.append(self.features(number, query, rows))
        return self.scored(query, Candidates.joined(parts), means)

    def features(self, number: int, query: Query, rows: IntArray) -> Candidates:
        """The articles at some rows of a segment with their features under a query."""
        return compute_features(self.view.segments[number], number, query, rows, as_of=self._as_of)

    @property
    def _as_of(self) -> bool:
        return self.settings.as_of == "query"

    def scored(self, query: Query, candidates: Candidates, means: Means) -> Candidates:
        """The candidates with scores and probabilities, in the order they came; each whatever the others are."""
        return self.each(candidates, query.language, self.corpus.length_weight(query.term_count), means)

    def each(
        self, candidates: Candidates, language: str | None, weights: float | NDArray[np.float64], means: Means
    ) -> Candidates:
        """The same under queries in one language, by their length weights."""
        return score(candidates, self.ranker_of(language), weights, self.corpus, means)

    @cached_property
    def corpus(self) -> Corpus:
        """What the snapshot's articles are like."""
        return Corpus.of(self.view.snapshot.manifest)

    def ranker_of(self, language: str | None) -> Ranker:
        """The ranker for queries in a language."""
        manifest = self.view.snapshot.manifest
        if same_language(language, manifest.language):
            return self.ranker
        primary = primary_language(language or "")
        if primary not in manifest.agreement:
            return self.foreign
        usual, own = self.ranker.foreign_dense, manifest.language or ""
        return self.ranker.foreign(dense_share(manifest.agreement, own, primary, usual))

    def best_first(self, scored: Candidates) -> Candidates:
        """The candidates, best first, ties by id."""
        order = np.lexsort((scored.rows, scored.segments, -scored.scores))
        if len(self.view.segments) > 1 and (np.diff(scored.scores[order]) == 0).any():
            order = np.array(sorted(order, key=lambda i: (-scored.scores[i], self.id(scored, i))), np.int64)
        return scored.take(order)

    def id(self, candidates: Candidates, i: int) -> str:
        """The id of candidate ``i``."""
        return self.view.segments[int(candidates.segments[i])].table.id(int(candidates.rows[i]))

    def apart(
        self, query: Query, ranked: Candidates, pinned: Sequence[Place], means: Means
    ) -> tuple[Candidates, Candidates]:
        """The candidates at ``pinned``, in that order, and the others. One that the search did not bring is scored."""
        if not pinned:
            return ranked.first(0), ranked
        positions = {place: i for i, place in enumerate(ranked.places)}
        missing = [place for place in pinned if place not in positions]
        parts = [self.features(number, query, np.array([row])) for number, row in missing]
        scored = [self.scored(query, part, means) for part in parts]
        both = Candidates.joined([ranked, *scored])
        position = positions | {place: len(ranked) + i for i, place in enumerate(missing)}
        others = np.setdiff1d(np.arange(len(ranked)), [positions[place] for place in pinned if place in positions])
        return both.take(np.array([position[place] for place in pinned], np.int64)), ranked.take(others)

    def beside(self, ranked: Candidates, others: Candidates) -> Candidates:
        """The candidates and others beside them, best first."""
        return self.best_first(Candidates.joined([ranked, others.take(~np.isin(keys(others), keys(ranked)))]))
