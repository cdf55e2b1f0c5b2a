"""Which articles may be shown at all, and which under a given story, whatever their score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import opens, released_until
from recommend.articles.curation import UNCURATED
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING
from recommend.index.filters import Filters, Prefer, allowed
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import freshness, policy
from recommend.settings import Settings

BoolArray = NDArray[np.bool_]
Place = tuple[int, int]

_KINDS_KEPT = 32


@dataclass(frozen=True, slots=True)
class Masks:
    """What may be shown.

    Attributes:
        rows: for each segment of a view (n,) bool, or None where all its rows pass.
        conditions: the same of articles that are not at hand.
    """

    rows: tuple[BoolArray | None, ...]
    conditions: Conditions = field(default_factory=Conditions)

    def __getitem__(self, number: int) -> BoolArray | None:
        return self.rows[number]

    def __iter__(self) -> Iterator[BoolArray | None]:
        return iter(self.rows)


@dataclass(frozen=True)
class Eligibility:
    """What may be shown in answer to a request, and to every other one with the same filters as long as it
    :meth:`holds`.

    Attributes:
        view: the state it is about.
        filters: the request's.
        now: seconds since 1970.
        settings: ranking and policy.
    """

    view: View
    filters: Filters
    now: float
    settings: Settings
    _ruled: dict[object, Masks] = field(default_factory=dict, init=False, repr=False, compare=False)

    def holds(self, view: View, filters: Filters, now: float, settings: Settings) -> bool:
        """Whether it says what another one, made of these, would say."""
        same = view is self.view and settings is self.settings and filters == self.filters
        return same and self.now <= now < self._end

    @cached_property
    def _end(self) -> float:
        change = self.view.next_change_at(self.now)
        clock = freshness.by_the_clock(self.settings.policy, self.filters.prefer)
        return min(math.inf if change is None else change, self.today + freshness.DAY if clock else math.inf)

    @property
    def prefer(self) -> Prefer:
        """What comes first."""
        rules = self.settings.policy
        return (self.filters.prefer or rules.freshness) if rules.on else "any"

    @property
    def today(self) -> int:
        """See :func:`~recommend.ranking.freshness.today`."""
        return freshness.today(self.now)

    def moment(self, query: Query | None) -> int | None:
        """When a query's article appeared: today where it has no date. None where there is none."""
        if query is None:
            return None
        return self.today if query.published_at == MISSING else query.published_at

    @cached_property
    def masks(self) -> Masks:
        """Rows that may be shown: alive, in their time, not hidden by editors, passing the request's filters."""
        if not self.settings.policy.on:
            return self.passing
        shown = (_all([mask, self.view.shown(number, self.now)]) for number, mask in enumerate(self.passing))
        return Masks(tuple(shown), replace(self.passing.conditions, without=self.view.hidden_ids(self.now)))

    @cached_property
    def passing(self) -> Masks:
        """The same and those that editors hide."""
        on = self.settings.policy.on
        now, embargo = (int(self.now), released_until(self.now)) if on else (None, None)
        passing = (allowed(segment.table, self.filters, now, embargo=embargo) for segment in self.view.segments)
        return both(Masks(tuple(passing), Conditions(self.filters, now, embargo)), Masks(self.view.alive))

    @cached_property
    def readable(self) -> Masks:
        """Rows that this reader may open, by their access."""
        rows = tuple(segment.table.readable(self.filters.reader) for segment in self.view.segments)
        return Masks(rows, Conditions(access=frozenset(opens(self.filters.reader))))

    def under(self, query: Query | None, *, any_kind: bool = False) -> Masks:
        """Those rows that the rules let stand under a query, the same arrays for all that the rules treat alike;
        ``any_kind`` lets every genre, language and age pass."""
        by_date = self.settings.ranking.as_of == "query" or bool(self.settings.policy.max_age)
        dated = query is not None and by_date and query.published_at
        kind = query and (query.genre, query.language), dated, any_kind
        masks = self._ruled.get(kind)
        if masks is None:
            rows = (self._under(number, query, any_kind) for number in range(len(self.view.segments)))
            masks = Masks(tuple(rows), self._conditions(query, any_kind))
            if len(self._ruled) >= _KINDS_KEPT:
                self._ruled.clear()
            self._ruled[kind] = masks
        return masks

    def curated(self, article_id: str | None) -> tuple[list[str], frozenset[str]]:
        """Ids that editors pinned and blocked in the box of an article; none while the policy is off."""
        follows = article_id is not None and self.settings.policy.on
        curation = self.view.curations.get(article_id, UNCURATED) if article_id and follows else UNCURATED
        moment = datetime.fromtimestamp(self.now, UTC)
        return curation.pins(moment), curation.blocks(moment)

    def _under(self, number: int, query: Query | None, any_kind: bool) -> BoolArray | None:
        table, rules = self.view.segments[number].table, self.settings.policy
        given = [self.masks[number]]
        if rules.on and not any_kind:
            genre, language = (None, None) if query is None else (query.genre, query.language)
            asked = self.filters.language is not None
            unwanted = policy.unwanted(
                table, rules, genre, None if asked else language, self.moment(query), any_genre=bool(self.filters.genre)
            )
            given.extend(~mask for mask in unwanted.values())
        if self.settings.ranking.as_of == "query" and query is not None and query.published_at != MISSING:
            given.append((table.published_at != MISSING) & (table.published_at < query.published_at))
        return _all(given)

    def _conditions(self, query: Query | None, any_kind: bool) -> Conditions:
        """What :meth:`_under` tells of rows at hand."""
        conditions, rules = self.masks.conditions, self.settings.policy
        if rules.on and not any_kind:
            genre, language = (None, None) if query is None else (query.genre, query.language)
            asked = not rules.same_language or self.filters.language is not None
            moment = self.moment(query)
            conditions = replace(
                conditions,
                hidden_genres=frozenset(one for one in rules.hidden_genres if one != genre),
                language=None if asked else language,
                max_age=tuple(sorted(rules.max_age.items())),
                moment=MISSING if moment is None else moment,
            )
        if self.settings.ranking.as_of == "query" and query is not None and query.published_at != MISSING:
            conditions = replace(conditions, before=query.published_at)
        return conditions


def places(view: View, masks: Masks, ids: Iterable[str]) -> list[Place]:
    """Segments and rows of those of the articles that are alive and pass."""
    wanted = list(ids)
    view.segments[0].bring(wanted)
    alive = [place for place in map(view.locate, wanted) if place is not None]
    return [(number, row) for number, row in alive if (mask := masks[number]) is None or mask[row]]


def excluding(view: View, masks: Masks, gone: Sequence[Place]) -> Masks:
    """The masks without the rows at ``gone``."""
    remaining = list(masks)
    ids = frozenset(view.segments[number].table.id(row) for number, row in gone)
    for number in {number for number, _ in gone}:
        mask, rows = masks[number], [row for segment, row in gone if segment == number]
        kept = np.ones(len(view.segments[number]), np.bool_) if mask is None else mask.copy()
        kept[rows] = False
        remaining[number] = kept
    return Masks(tuple(remaining), replace(masks.conditions, without=masks.conditions.without | ids))


def both(masks: Masks, others: Masks) -> Masks:
    """The rows that pass both masks; their conditions are the first's, with the access that the others ask for."""
    conditions = replace(masks.conditions, access=others.conditions.access)
    return Masks(tuple(_all(pair) for pair in zip(masks, others, strict=True)), conditions)


def passes(masks: Masks, segments: NDArray[np.int32], rows: NDArray[np.int64]) -> BoolArray:
    """(n,) which of the rows (n,) of segments (n,) pass."""
    passing = np.ones(len(rows), np.bool_)
    for number, mask in enumerate(masks):
        if mask is not None:
            here = segments == number
            passing[here] = mask[rows[here]]
    return passing


def _all(masks: Iterable[BoolArray | None]) -> BoolArray | None:
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None
