"""Conditions that a reader's page sets on the list, and the rows that pass them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.articles.languages import primary_language
from recommend.index.dates import MISSING, seconds
from recommend.index.table import ArticleTable

BoolArray = NDArray[np.bool_]
Prefer = Literal["any", "near", "fresh"]

NAMED = ("section", "language", "site", "genre", "tag")
"""The conditions that name values."""


@dataclass(frozen=True)
class Filters:
    """Conditions a reader's page sets on the list. ``since`` and ``until`` include their bounds.

    ``section``, ``language``, ``site``, ``genre`` and ``tag`` name one value, several of which one must hold
    (``World,Politics``), or of tags several that must all hold (``flood+dam``); a value that has such a sign in its own
    name is found by that name, too. An article without a value passes only where a language is asked for. What
    ``not_section`` and the others name must not hold.

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
    genre: str | None = None
    not_section: str | None = None
    not_language: str | None = None
    not_site: str | None = None
    not_tag: str | None = None
    not_genre: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    exclude: frozenset[str] = field(default_factory=frozenset)
    access: frozenset[Access] = field(default_factory=frozenset)
    reader: Access = Access.PUBLIC
    prefer: Prefer | None = None

    def __bool__(self) -> bool:
        return self != Filters()

    @property
    def names_language(self) -> bool:
        """Whether it is said which languages pass, in place of that of the article."""
        return self.language is not None or self.not_language is not None

    @property
    def one_section(self) -> str | None:
        """The section, where only one can be meant."""
        return self.section if self.section is not None and "," not in self.section else None

    def texts(self) -> list[str]:
        """The values of all conditions that are text."""
        named = (getattr(self, f"{sign}{name}") for name in NAMED for sign in ("", "not_"))
        return [text for text in named if text is not None]


UNFILTERED = Filters()


def allowed(table: ArticleTable, filters: Filters, now: int | None, *, embargo: int | None = None) -> BoolArray | None:
    """(n,) which rows pass; None when all do.

    Args:
        table: of n rows.
        filters: the conditions.
        now: seconds since 1970; what expired by then does not pass. None: nothing expires.
        embargo: seconds since 1970; what is published later does not pass.
    """
    masks: list[BoolArray] = []
    for name in NAMED:
        if (wanted := getattr(filters, name)) is not None:
            masks.extend(mask for mask in [_having(table, name, wanted)] if mask is not None)
        if (unwanted := getattr(filters, f"not_{name}")) is not None:
            masks.append(~_known(table, name, unwanted))
    if filters.access:
        masks.extend(mask for mask in [table.masks.of_access(filters.access)] if mask is not None)
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


def _having(table: ArticleTable, name: str, wanted: str) -> BoolArray | None:
    """(n,) which rows have one of the values, of languages those that may; None when all have."""
    if name == "language":
        values = alternatives(wanted)
        spoken = [mask for value in values if (mask := table.masks.speaks(value)) is not None]
        return _any(spoken) if len(spoken) == len(values) else None
    return _known(table, name, wanted)


def _known(table: ArticleTable, name: str, wanted: str) -> BoolArray:
    """(n,) which rows are known to have one of the values."""
    values = alternatives(wanted)
    if name == "language":
        codes = [code for code, value in enumerate(table.values(name)) if any(_speaks(value, one) for one in values)]
    elif name == "tag":
        return _any([_tagged(table, value) for value in values])
    else:
        codes = [table.code(name, value) for value in values]
    return np.isin(table.codes(name), codes)


def _any(masks: list[BoolArray]) -> BoolArray:
    some: BoolArray = np.logical_or.reduce(masks)
    return some


def _speaks(value: str, wanted: str) -> bool:
    primary = primary_language(value)
    return bool(primary) and primary == primary_language(wanted)


def _tagged(table: ArticleTable, value: str) -> BoolArray:
    """(n,) which rows have the tag, or all of those that plus signs join."""
    mask, parts = table.masks.tagged(value), all_of(value)
    return mask | np.logical_and.reduce([table.masks.tagged(part) for part in parts]) if parts else mask


def all_of(text: str) -> list[str]:
    """The tags that plus signs join; none where there is no such sign."""
    return [part for part in text.split("+") if part] if "+" in text else []


def alternatives(text: str) -> list[str]:
    """The text itself, which may be the name of one value, and the parts that commas separate."""
    parts = text.split(",") if "," in text else []
    return [text, *(part for part in map(str.strip, parts) if part)]
