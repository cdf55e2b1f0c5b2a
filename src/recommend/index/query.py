"""Articles that others are compared with: the query of one, and one that is prepared as a segment's own are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access, Article
from recommend.articles.card import Card, card_of
from recommend.index.dates import seconds
from recommend.index.labels import NONE
from recommend.index.lexicon import Terms, TermVector
from recommend.index.table import Row

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """What the candidates are compared with: one article's side of every feature.

    Attributes:
        embedding: (d,) float32, projected, expanded.
        terms: its own; ``context`` the expanded ones.
        published_at: seconds since 1970 or MISSING.
        headline: title and standfirst, in which reasons look up how terms are written.
        access: of the article: where its body is not public, no reason says what only that holds.
        tags, authors: see :mod:`recommend.index.labels`.
        card: gives the article's, which only rules ask for.
        links_as: the duplicate group by which the snapshot knows what it links to, of one that changed since; None:
            ``group``.
    """

    embedding: FloatArray
    terms: TermVector
    context: Terms
    published_at: int
    language: str | None
    section: str | None
    genre: str | None
    headline: str
    group: int
    access: Access = Access.PUBLIC
    tags: TermVector = NONE
    authors: TermVector = NONE
    card: Callable[[], Card] | None = None
    links_as: int | None = None

    @property
    def term_count(self) -> int:
        """Different terms of the article's own words."""
        return len(self.terms.words.terms)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article outside any segment with what ranking needs of it, see :class:`Query`.

    Attributes:
        row: the table's.
        key: by which it is kept, empty for one that is not.
        links_as: as of :class:`Query`.
        backlinks: those that the snapshot knows, see :mod:`recommend.index.backlinks`.
        neighbours: ids of those of whose terms ``context`` is mixed, and its ``length`` before that was made 1; of one
            that was kept, neither is known.
    """

    article: Article
    row: Row
    embedding: FloatArray
    terms: TermVector
    context: TermVector
    group: int
    tags: TermVector = NONE
    authors: TermVector = NONE
    title: TermVector = NONE
    backlinks: TermVector = NONE
    key: bytes = b""
    links_as: int | None = None
    neighbours: tuple[str, ...] = ()
    length: float = 1.0

    def query(self) -> Query:
        """The query that the article makes."""
        article = self.article
        return Query(
            self.embedding,
            self.terms,
            self.context,
            seconds(article.published_at),
            article.language,
            article.section,
            article.genre,
            f"{article.title}\n{article.standfirst or ''}",
            self.group,
            article.access,
            self.tags,
            self.authors,
            card=partial(card_of, article),
            links_as=self.links_as,
        )
