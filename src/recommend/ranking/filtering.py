"""Filters scored candidates by policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import exposure, freshness, history, near_duplicates, policy
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.limits import over, together
from recommend.ranking.masks import passes
from recommend.ranking.repeats import Repeats
from recommend.ranking.rules import UNRULED, Ruling, shifted
from recommend.ranking.shortlist import Scoring
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]

SPARE = 8
"""More than are wanted that are compared with each other at first."""


@dataclass(frozen=True)
class Filtering:
    """Filters one query's candidates by policy.

    Attributes:
        scoring: has scored them.
        rules: of the policy.
        query: whose candidates.
        eligibility: of the request.
        own: where the query's article is, None where there is none.
        ruling: what rules of editors say of the box.
        repeats: what need not be found of which candidates tell the same.
    """

    scoring: Scoring
    rules: PolicySettings
    query: Query
    eligibility: Eligibility
    own: Place | None = None
    ruling: Ruling = UNRULED
    repeats: Repeats | None = None

    def chosen(self, pins: Candidates, ranked: Candidates, k: int) -> tuple[Candidates, dict[str, int], bool]:
        """What :meth:`first` leaves, the lowest giving way where readers could open fewer than the policy says to the
        best that they can; and whether they are too few all the same."""

        def opened(some: Candidates) -> BoolArray:
            return passes(self.eligibility.readable, some.segments, some.rows)

        chosen, removed = self.first(pins, ranked, k)
        if not (self.rules.on and self.rules.readable):
            return chosen, removed, False
        closed = len(pins) - int(np.count_nonzero(opened(pins)))
        least = min(self.rules.readable, k - closed)
        if np.count_nonzero(opened(chosen)) >= least:
            return chosen, removed, False
        first, missed = self.first(pins, ranked.take(opened(ranked)), closed + least)
        others = ranked.take(~np.isin(history.keys(ranked), history.keys(first)))
        filled, removed = self.first(first, others, k)
        ordered = self._preferred(self.scoring.best_first(filled.take(slice(len(pins), None))))
        chosen = Candidates.joined([pins, ordered])
        return chosen, removed, bool(np.count_nonzero(opened(chosen)) < least) and not missed.get("floor")

    def first(
        self, pins: Candidates, ranked: Candidates, k: int, *, fills: bool = False
    ) -> tuple[Candidates, dict[str, int]]:
        """The pins and the best of the others that no rule removes, k in all, and how many each rule removed. Those
        that only fill the box stand in the order given, whatever their score."""
        rules = self.rules
        if not rules.on:
            return ranked.first(k), {}
        kept, removed = ranked if fills else self._preferred(ranked), {}
        if rules.hide_duplicates:
            taken_groups = np.array([self.query.group, *pins.groups.tolist()], np.uint64)
            fresh = policy.first_of_groups(np.concatenate([taken_groups, kept.groups]))[len(taken_groups) :]
            kept = kept.take(
                fresh & ~near_duplicates.of_query(self.scoring.view, self.query, kept, rules, self.repeats)
            )
            removed["duplicates"] = len(ranked) - len(kept)
        if rules.floor > 0 and rules.fill != "related" and not fills:
            above = policy.floor(kept, rules.floor)
            removed["floor"] = len(kept) - len(above)
            kept = above
        diversity = 0.0 if fills else rules.diversity
        if rules.hide_duplicates or diversity or self.ruling.limits:
            kept, repeats, passed = self._without_repeats(pins, kept, k, diversity)
            removed["duplicates"] = removed.get("duplicates", 0) + repeats
            if passed:
                removed["rules"] = passed
        elif len(pins):
            kept = Candidates.joined([pins, kept])
        return kept.first(k), removed

    @cached_property
    def preferred(self) -> Place | None:
        """See :func:`recommend.ranking.exposure.preferred`."""
        return exposure.preferred(self.scoring.view, self.own, self.rules)

    def _preferred(self, ranked: Candidates) -> Candidates:
        """The candidates, best first, in the order that ``policy.freshness``, the request, ``policy.exposure`` or rules
        prefer."""
        worth = self._worth(ranked)
        if worth is None:
            return ranked
        return ranked.take(freshness.order(ranked.probabilities, worth, self.rules.floor))

    def _worth(self, some: Candidates) -> NDArray[np.float64] | None:
        """(n,) sort keys of candidates; None to sort by score."""
        worth, left = None, self._left(some)
        if self.preferred is not None:
            worth = exposure.lifted(some, self.preferred, self.rules.exposure)
        if left is not None:
            worth = (some.probabilities if worth is None else worth) * left
        shifts = self.ruling.shifts(self.scoring.view, some)
        return worth if shifts is None else shifted(some.probabilities if worth is None else worth, shifts)

    def _left(self, some: Candidates) -> NDArray[np.float64] | None:
        """(n,) decay factors by age; None without decay."""
        prefer, moments = self.eligibility.prefer, (self.query.published_at, self.eligibility.today)
        if prefer == "any":
            return None
        tables = [segment.table for segment in self.scoring.view.segments]
        return freshness.decay_factors(some, tables, self.rules, prefer, moments)

    def _without_repeats(
        self, pins: Candidates, kept: Candidates, k: int, diversity: float
    ) -> tuple[Candidates, int, int]:
        """The k to show, pins first, how many were passed over because they repeat one, and how many because rules
        allow no more of their kind; compares only as many as needed."""
        rules, width, spare = self.rules, k + SPARE, 2
        known, plain = self.repeats, not (len(pins) or diversity or self.ruling.limits)
        if plain and known is not None and known.apart(kept, width):
            return kept.first(k), 0, 0
        while True:
            some = self.ruling.thinned(self.scoring.view, kept, width, spare)
            both = Candidates.joined([pins, some]) if len(pins) else some
            repeats, updates = near_duplicates.among(self.scoring.view, both, rules, self.repeats)
            repeats &= rules.hide_duplicates
            dense = near_duplicates.similarity(self.scoring.view, both) if diversity else None
            worth = self._worth(both) if diversity else None
            valued = both if worth is None else replace(both, probabilities=worth.astype(np.float32))
            limits = self.ruling.limited(self.scoring.view, both)
            taken = policy.marginal(valued, dense, repeats, k, diversity, len(pins), limits)
            if len(taken) == k or len(some) == len(kept) or (len(some) < width and spare > len(kept)):
                if repeats.any():
                    same = repeats | together(limits, len(both))
                    taken = near_duplicates.newest(self.scoring.view, both, taken, same, updates, len(pins))
                    taken[len(pins) :] = taken[len(pins) :] if rules.diversity else np.sort(taken[len(pins) :])
                repeats[:, taken] = False
                repeated = np.asarray(repeats[taken].any(axis=0))
                return both.take(taken), int(np.count_nonzero(repeated)), over(limits, taken, repeated)
            width, spare = width * 4, spare * 4


def without_read(
    view: View,
    rules: PolicySettings,
    queries: Sequence[Query],
    lists: Sequence[Candidates],
    groups: NDArray[np.uint64],
) -> list[Candidates]:
    """Each query's candidates without those that tell what was read: near-duplicates of any query, and members of the
    duplicate groups of all that was read."""
    pairs = zip(queries, lists, strict=True)
    repeats = [near_duplicates.of_query(view, query, one, rules) for query, one in pairs]
    return history.without_read(lists, groups, repeats)
