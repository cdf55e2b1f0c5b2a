"""Conditions that a reader's page sets on the list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from recommend.articles.article import Access


@dataclass(frozen=True)
class Filters:
    """Conditions a reader's page sets on the list. ``since`` and ``until`` include their bounds.

    Attributes:
        access: only articles of one of these; empty: of any.
        reader: the access that the reader has, see :func:`~recommend.articles.article.opens`; hides nothing, but
            ``policy.readable`` keeps stories in the list that this reader may open.
    """

    section: str | None = None
    language: str | None = None
    site: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    exclude: frozenset[str] = field(default_factory=frozenset)
    access: frozenset[Access] = field(default_factory=frozenset)
    reader: Access = Access.PUBLIC

    def __bool__(self) -> bool:
        return self != Filters()
