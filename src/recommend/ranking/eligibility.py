"""Which articles may be shown at all, and which under a given story, whatever their score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import opens, released_until
from recommend.articles.card import Card
from recommend.articles.curation import UNCURATED
from recommend.articles.rules import Rule
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING
from recommend.index.filters import Filters, Prefer, allowed
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import freshness, policy
from recommend.ranking.masks import Masks, both, every
from recommend.ranking.matching import Story
from recommend.ranking.rules import UNRULED, Ruling
from recommend.settings import Settings

BoolArray = NDArray[np.bool_]

_KINDS_KEPT = 32


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
        same = view is self.view and settings is self.settings and (filters is self.filters or filters == self.filters)
        return same and self.now <= now < self._end

    @cached_property
    def _end(self) -> float:
        change = self.view.next_change_at(self.now)
        clock = freshness.by_the_clock(self.settings.policy, self.filters.prefer) or self.view.rules.ages
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
        shown = (every([mask, self.view.shown(number, self.now)]) for number, mask in enumerate(self.passing))
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
        rows = tuple(segment.table.masks.readable(self.filters.reader) for segment in self.view.segments)
        return Masks(rows, Conditions(access=frozenset(opens(self.filters.reader))))

    def under(self, query: Query | None, *, any_kind: bool = False) -> Masks:
        """Those rows that the rules let stand under a query, the same arrays for all that the rules treat alike;
        ``any_kind`` lets every genre, language and age pass."""
        kind = self._kind(query), any_kind
        masks = self._ruled.get(kind)
        if masks is None:
            rows = (self._under(number, query, any_kind) for number in range(len(self.view.segments)))
            masks = self._kept(kind, Masks(tuple(rows), self._conditions(query, any_kind)))
        return masks

    def unwanted(self, number: int, query: Query | None) -> dict[str, BoolArray]:
        """By rule of policy, (n,) which rows of a segment it leaves out under a query, unless the request asks for
        them."""
        table, rules = self.view.segments[number].table, self.settings.policy
        genre, language = (None, None) if query is None else (query.genre, query.language)
        asked = self.filters.names_language
        return policy.unwanted(
            table, rules, genre, None if asked else language, self.moment(query), any_genre=bool(self.filters.genre)
        )

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Those of editors that are in force; none while the policy is off."""
        return self.view.rules.active(datetime.fromtimestamp(self.now, UTC)) if self.settings.policy.on else ()

    def ruling(self, card: Callable[[], Card] | None, article_id: str | None) -> Ruling:
        """What they say of the box of an article with a card; None where it is unknown."""
        if not self.rules:
            return UNRULED
        asked = any(not rule.when.is_empty or (rule.then.named and rule.then.named.compares) for rule in self.rules)
        story = Story.of(card(), article_id, self.today) if asked and card is not None else Story(article_id)
        return Ruling.of(self.rules, story, self.today)

    def ruled(self, query: Query | None, ruling: Ruling) -> Masks:
        """Rows that may stand under a query, and that a ruling does not leave out."""
        if not ruling.sifts:
            return self.under(query)
        key = self._kind(query), ruling.key
        masks = self._ruled.get(key)
        return self._kept(key, ruling.masks(self.view, self.under(query))) if masks is None else masks

    def curated(self, article_id: str | None) -> tuple[list[str], frozenset[str]]:
        """Ids that editors pinned and blocked in the box of an article; none while the policy is off."""
        follows = article_id is not None and self.settings.policy.on
        curation = self.view.curations.get(article_id, UNCURATED) if article_id and follows else UNCURATED
        moment = datetime.fromtimestamp(self.now, UTC)
        return curation.pins(moment), curation.blocks(moment)

    def _kind(self, query: Query | None) -> object:
        """What policy treats a query by."""
        by_date = self.settings.ranking.as_of == "query" or bool(self.settings.policy.max_age)
        dated = query is not None and by_date and query.published_at
        return query and (query.genre, query.language), dated

    def _kept(self, kind: object, masks: Masks) -> Masks:
        if len(self._ruled) >= _KINDS_KEPT:
            self._ruled.clear()
        self._ruled[kind] = masks
        return masks

    def _under(self, number: int, query: Query | None, any_kind: bool) -> BoolArray | None:
        table, rules = self.view.segments[number].table, self.settings.policy
        given = [self.masks[number]]
        if rules.on and not any_kind:
            given.extend(~mask for mask in self.unwanted(number, query).values())
        if self.settings.ranking.as_of == "query" and query is not None and query.published_at != MISSING:
            given.append((table.published_at != MISSING) & (table.published_at < query.published_at))
        return every(given)

    def _conditions(self, query: Query | None, any_kind: bool) -> Conditions:
        """What :meth:`_under` tells of rows at hand."""
        conditions, rules = self.masks.conditions, self.settings.policy
        if rules.on and not any_kind:
            genre, language = (None, None) if query is None else (query.genre, query.language)
            asked = not rules.same_language or self.filters.names_language
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
