"""Conditions that a reader's page sets on the list, and the rows that pass them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.index.dates import MISSING, seconds
from recommend.index.table import ArticleTable

BoolArray = NDArray[np.bool_]
Prefer = Literal["any", "near", "fresh"]


@dataclass(frozen=True)
class Filters:
    """Conditions a reader's page sets on the list. ``since`` and ``until`` include their bounds.

    Attributes:
        access: only articles of one of these; empty: of any.
        reader: the access that the reader has, see :func:`~recommend.articles.article.opens`; hides nothing, but
            ``policy.readable`` keeps stories in the list that this reader may open.
        prefer: what comes first, in place of what ``policy.freshness`` says; hides nothing.
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
    prefer: Prefer | None = None

    def __bool__(self) -> bool:
        return self != Filters()


def allowed(table: ArticleTable, filters: Filters, now: int | None, *, embargo: int | None = None) -> BoolArray | None:
    """(n,) which rows pass; None when all do.

    Args:
        table: of n rows.
        filters: the conditions.
        now: seconds since 1970; what expired by then does not pass. None: nothing expires.
        embargo: seconds since 1970; what is published later does not pass.
    """
    masks: list[BoolArray] = []
    for name in ("section", "site"):
        wanted = getattr(filters, name)
        if wanted is not None:
            masks.append(table.codes(name) == table.code(name, wanted))
    if filters.access:
        masks.extend(mask for mask in [table.of_access(filters.access)] if mask is not None)
    if filters.language is not None:
        masks.extend(mask for mask in [table.speaks(filters.language)] if mask is not None)
    if filters.tag is not None:
        masks.append(table.tagged(filters.tag))
    known = table.published_at != MISSING
    if filters.since is not None:
        masks.append(known & (table.published_at >= seconds(filters.since)))
    if filters.until is not None:
        masks.append(known & (table.published_at <= seconds(filters.until)))
    if now is not None:
        masks.extend(mask for mask in [table.timeline.unexpired(now)] if mask is not None)
    if embargo is not None:
        masks.extend(mask for mask in [table.timeline.released(embargo)] if mask is not None)
    excluded = [row for row in map(table.row, filters.exclude) if row is not None]
    if excluded:
        mask = np.ones(len(table), np.bool_)
        mask[excluded] = False
        masks.append(mask)
    return np.logical_and.reduce(masks) if masks else None
