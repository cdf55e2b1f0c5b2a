"""A set of articles that is searched and ranked together: a snapshot's, or the changes since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.article import Article
from recommend.duplicates import group_key
from recommend.lexical import Lexicon, TermMatrix, TermVector, stack
from recommend.projection import Projection
from recommend.ranking import Candidates, Ranker, nearness
from recommend.settings import RankingSettings
from recommend.table import ArticleTable, seconds
from recommend.vectors import VectorIndex, exact_search, scans_exactly

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Query:
    """What the candidates are compared with: one article's side of every feature.

    Attributes:
        embedding: (d,) float32, projected.
        published_at: seconds since 1970 or MISSING.
        headline: title and standfirst, in which reasons look up how terms are written.
    """

    embedding: FloatArray
    terms: TermVector
    published_at: int
    language: str | None
    section: str | None
    genre: str | None
    headline: str
    group: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article outside any segment with what ranking needs of it; ``embedding`` (d,) float32 is projected."""

    article: Article
    embedding: FloatArray
    terms: TermVector
    group: int

    @classmethod
    def of(cls, article: Article, embedding: FloatArray, lexicon: Lexicon, projection: Projection) -> Prepared:
        """An article with its encoder's own embedding (d,)."""
        projected = projection.apply(embedding[None, :])[0]
        return cls(article, projected, lexicon.weigh(article.full_text), group_key(article))

    def query(self) -> Query:
        """The query that the article makes."""
        article = self.article
        return Query(
            self.embedding,
            self.terms,
            seconds(article.published_at),
            article.language,
            article.section,
            article.genre,
            f"{article.title}\n{article.standfirst or ''}",
            self.group,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """n articles with everything ranking needs of them.

    Attributes:
        embeddings: (n, d) float16, projected.
        groups: (n,) uint64 duplicate groups.
        index: over ``embeddings``; None where n is so small that a scan is as good.
    """

    table: ArticleTable
    embeddings: NDArray[np.float16]
    matrix: TermMatrix
    groups: NDArray[np.uint64]
    index: VectorIndex | None

    @classmethod
    def of(cls, prepared: Iterable[Prepared], lexicon: Lexicon, dimension: int) -> Segment:
        """A segment of prepared articles."""
        ordered = sorted(prepared, key=lambda one: one.article.id)
        embeddings = np.array([one.embedding for one in ordered], np.float16).reshape(len(ordered), dimension)
        return cls(
            ArticleTable.of([one.article for one in ordered]),
            embeddings,
            stack([one.terms for one in ordered], len(lexicon)),
            np.array([one.group for one in ordered], np.uint64),
            None,
        )

    def __len__(self) -> int:
        return len(self.table)

    def query(self, row: int) -> Query:
        """The query that one of the segment's articles makes."""
        return Query(
            self.embeddings[row].astype(np.float32),
            self.matrix.vector(row),
            int(self.table.published_at[row]),
            self.table.value("language", row),
            self.table.value("section", row),
            self.table.value("genre", row),
            self.table.headline(row),
            int(self.groups[row]),
        )

    def retrieve(self, query: Query, count: int, settings: RankingSettings, allowed: BoolArray | None) -> IntArray:
        """Rows of the candidates: the ``count`` nearest embeddings and the ``count`` best lexical matches, ascending.

        ``allowed`` (n,) acts inside both searches; where it lets few rows through, all of those are candidates.
        """
        if allowed is not None and int(np.count_nonzero(allowed)) <= count:
            return np.flatnonzero(allowed)
        if len(self) <= count:
            return np.arange(len(self))
        if self.index is None or scans_exactly(allowed):
            rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
            dense = exact_search(self.embeddings, query.embedding, count, rows)
        else:
            dense = self.index.search(query.embedding, count, allowed)
        return np.union1d(dense, self.matrix.search(query.terms, count, settings.lexical_terms, allowed))

    def candidates(self, number: int, query: Query, rows: IntArray, ranker: Ranker) -> Candidates:
        """The articles at ``rows`` with their features; ``number`` is the segment's own in its view."""
        features = np.column_stack(
            [
                self.embeddings[rows].astype(np.float32) @ query.embedding,
                self.matrix.scores(query.terms, rows),
                nearness(self.table.published_at[rows], query.published_at, ranker.time_scale),
            ]
        ).astype(np.float32)
        return Candidates.of(number, rows, self.groups[rows], features)
