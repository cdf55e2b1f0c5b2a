"""What articles must fulfil to be candidates, told apart from any rows.

A mask is what holds of rows at hand; this is what whoever keeps the others is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from recommend.articles.article import Access
from recommend.articles.rules import Match
from recommend.index.dates import MISSING
from recommend.index.filters import Filters


class Ruled(NamedTuple):
    """That a rule's match means an article, or, not ``wanted``, that it does not; ages are those of ``today``, in
    seconds since 1970."""

    match: Match
    wanted: bool
    today: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of these hold of a candidate; the default is fulfilled by every article.

    Attributes:
        filters: of the request; ``reader`` and ``prefer`` leave nothing out.
        now: seconds since 1970, by which it has not expired; None: nothing expires.
        embargo: seconds since 1970; it is not published later. None: whenever.
        hidden_genres: it is of none of these.
        language: where its language is known, it is this one; None: any.
        max_age: days before ``moment`` by section, ``*`` for all others: neither dated nor evergreen, or no older.
        before: seconds since 1970, before which it was published; MISSING: whenever.
        access: it has one of these; None: any.
        without: ids that it has not.
        after: minus the date (seconds since 1970) and the id of what it comes after, newest first; None: anything.
        ruled: what rules of editors let stand.
    """

    filters: Filters = field(default_factory=Filters)
    now: int | None = None
    embargo: int | None = None
    hidden_genres: frozenset[str] = frozenset()
    language: str | None = None
    max_age: tuple[tuple[str, float], ...] = ()
    moment: int = MISSING
    before: int = MISSING
    access: frozenset[Access] | None = None
    without: frozenset[str] = frozenset()
    after: tuple[float, str] | None = None
    ruled: tuple[Ruled, ...] = ()
