"""From candidates to the few that are shown: found, scored, filtered by policy."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.index.lists import LISTED
from recommend.index.segment import Query
from recommend.index.view import View
from recommend.ranking import freshness, history, near_duplicates, policy
from recommend.ranking.basis import Basis, key_of
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.eligibility import Eligibility, Masks, Place, both, excluding, passes, places
from recommend.ranking.features import compute_features
from recommend.ranking.newest import newest_first
from recommend.ranking.shortlist import Scoring, Shortlist
from recommend.settings import Settings

BoolArray = NDArray[np.bool_]

_SPARE = 8


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shown of the candidates.

    Attributes:
        candidates: in the order shown, those that editors pinned first.
        pinned: how many these are.
        related: how many, pinned ones included, are related; those after them only fill the box.
        removed: how many each rule took away.
        basis: what that rests on; None where any change may change it.
        queries: where there were several, the one that each candidate owes most to.
    """

    candidates: Candidates
    pinned: int
    related: int
    removed: dict[str, int]
    basis: Basis | None = None
    queries: Sequence[Query] = ()


@dataclass(frozen=True)
class Selection:
    """Chooses from one state of everything that can be recommended.

    Attributes:
        settings: of ranking and policy.
        scoring: finds and scores candidates of that state.
        public: whether explanations are for anybody, and tell nothing of bodies that are not public.
    """

    settings: Settings
    scoring: Scoring
    public: bool = False

    @property
    def view(self) -> View:
        """That state."""
        return self.scoring.view

    def choose(
        self, query: Query, article_id: str | None, k: int, eligibility: Eligibility, ready: Shortlist | None = None
    ) -> Chosen:
        """The k to show: the best after policy, then what fills; ``ready`` is the shortlist where it is there."""
        chosen = self._best(query, article_id, k, eligibility, ready)
        if not self._lacks(chosen, k):
            return chosen
        own = None if article_id is None else self.view.locate(article_id)
        blocks = places(self.view, eligibility.under(query), eligibility.curated(article_id)[1])
        return self._filled(chosen, [query], k, eligibility, {*blocks, own})

    def _best(
        self, query: Query, article_id: str | None, k: int, eligibility: Eligibility, ready: Shortlist | None = None
    ) -> Chosen:
        """The k best after policy: of the shortlist and what changed since the snapshot or, where that leaves too few,
        of what a search with all filters brings; ``ready`` is the shortlist where it is there."""
        own = None if article_id is None else self.view.locate(article_id)
        wanted, blocks = eligibility.curated(article_id)
        pinned = [place for place in places(self.view, eligibility.masks, wanted) if place != own]
        curated = {"pinned": len(wanted) - len(pinned)} if len(wanted) > len(pinned) else {}
        allowed = eligibility.under(query)
        blocked = [place for place in places(self.view, allowed, blocks) if place != own]
        if blocked:
            allowed = excluding(self.view, allowed, blocked)
            curated["blocked"] = len(blocked)
        found = self.scoring.shortlist(query, own) if ready is None else ready
        count, readable = self._count(k), None
        first: Candidates | None = None
        if k <= LISTED and count == self.scoring.settings.candidates:
            listed = found.listed()
            merged = self._merged(query, own, listed, allowed)
            pins, others = self._pinned(query, merged, pinned[:k], found.means)
            chosen, removed, lacks = self._chosen(pins, others, query, k, eligibility)
            full = len(chosen) == k
            if listed.exhaustive or (full and not lacks) or removed.get("floor"):
                basis = None
                if article_id is not None and full and not self.settings.policy.readable:
                    lowest = chosen.scores[len(pins) :].min(initial=np.inf)
                    any_of_it = self.settings.policy.diversity or eligibility.prefer != "any"
                    reach = float(listed.least if any_of_it else lowest)
                    basis = self._basis(article_id, merged, reach, found.means, [*wanted, *blocks])
                return self._told(chosen, len(pins), removed | curated, basis)
            first = merged if full else None
        while True:
            ranked = self._searched(query, allowed, own, count, found) if first is None else first
            if readable is not None:
                ranked = self._beside(query, ranked, self._searched(query, readable, own, count, found), found.means)
            pins, others = self._pinned(query, ranked, pinned[:k], found.means)
            chosen, removed, lacks = self._chosen(pins, others, query, k, eligibility)
            if lacks and readable is None:
                readable = both(allowed, eligibility.readable)
                continue
            if self._complete(chosen, k, count, readable if lacks else None) or removed.get("floor"):
                return self._told(chosen, len(pins), removed | curated, None)
            count *= 4

    def _merged(self, query: Query, own: Place | None, short: Shortlist, allowed: Masks) -> Candidates:
        """The shortlist and the changed articles that rank among it, of both those that are allowed, best first."""
        merged = short.candidates
        if len(self.view.segments) > 1:
            changed = self.scoring.changed(query, own, short.means)
            changed = changed.take(changed.scores > short.least)
            merged = self.scoring.best_first(Candidates.joined([merged, changed]))
        return merged.take(passes(allowed, merged.segments, merged.rows))

    def _basis(
        self, article_id: str, ranked: Candidates, reach: float, means: NDArray[np.float64], others: Sequence[str]
    ) -> Basis:
        looked_at = ranked.take(ranked.scores >= reach)
        changed = [self.scoring.id(looked_at, i) for i in np.flatnonzero(looked_at.segments).tolist()]
        keys = [key_of(self.view, one) for one in (article_id, *others, *changed)]
        return Basis(article_id, np.array([*keys, *looked_at.rows[looked_at.segments == 0]], np.int64), reach, means)

    def choose_for_history(
        self, queries: Sequence[Query], groups: NDArray[np.uint64], k: int, eligibility: Eligibility
    ) -> Chosen:
        """The k best for a reader of several articles.

        Args:
            queries: of what was read, the latest first.
            groups: duplicate groups of all that was read.
            k: how many.
            eligibility: of the request.
        """
        allowed = [eligibility.under(query) for query in queries]
        rules, count = self.settings.policy, self._count(k)
        readable: list[Masks] = []
        found = [self.scoring.shortlist(query, None) for query in queries]
        while True:
            searched = zip(queries, allowed, found, strict=True)
            lists = [self._searched(query, masks, None, count, short) for query, masks, short in searched]
            if readable:
                searched = zip(queries, readable, found, strict=True)
                others = [self._searched(query, masks, None, count, short) for query, masks, short in searched]
                pairs = zip(queries, lists, others, found, strict=True)
                lists = [self._beside(query, one, other, short.means) for query, one, other, short in pairs]
            if rules.on and rules.hide_duplicates:
                lists = self._without_read(queries, lists, groups)
            merged, strongest = history.combine(lists, history.weights(len(queries)))
            ranked = self.scoring.best_first(merged)
            chosen, removed, lacks = self._chosen(ranked.first(0), ranked, queries[0], k, eligibility)
            if lacks and not readable:
                readable = [both(masks, eligibility.readable) for masks in allowed]
                continue
            complete = (self._complete(chosen, k, count, masks) for masks in (readable if lacks else [None]))
            if all(complete) or removed.get("floor"):
                break
            count *= 4
        owed = dict(zip(history.keys(merged).tolist(), strongest.tolist(), strict=True))
        told = groups if rules.on and rules.hide_duplicates else None
        filled = self._told(chosen, 0, removed, None)
        if self._lacks(filled, k):
            filled = self._filled(filled, queries, k, eligibility, set(), told)
        owing = [queries[owed.get(key, 0)] for key in history.keys(filled.candidates).tolist()]
        return replace(filled, queries=owing)

    def _told(self, chosen: Candidates, pinned: int, removed: dict[str, int], basis: Basis | None) -> Chosen:
        """What is chosen, the pinned and the related first."""
        related = chosen.probabilities >= self.settings.policy.floor
        related[:pinned] = True
        first = chosen.take(np.argsort(~related, kind="stable"))
        return Chosen(first, pinned, int(np.count_nonzero(related)), removed, basis)

    def _lacks(self, chosen: Chosen, k: int) -> bool:
        """Whether the newest of the section, or of all, are to fill what is chosen up to k."""
        rules = self.settings.policy
        return rules.on and rules.fill in ("section", "latest") and len(chosen.candidates) < k

    def _filled(
        self,
        chosen: Chosen,
        queries: Sequence[Query],
        k: int,
        eligibility: Eligibility,
        gone: Set[Place | None],
        told: NDArray[np.uint64] | None = None,
    ) -> Chosen:
        """The same with the newest of the section and then of all up to k, as ``policy.fill`` says.

        Args:
            chosen: what is related.
            queries: for which, those that others fill for the first one.
            k: how many.
            eligibility: of the request.
            gone: places of what may not fill.
            told: duplicate groups of what was read, of which nothing fills; None where no duplicates are hidden.
        """
        rules, shown = self.settings.policy, chosen.candidates
        query, allowed = queries[0], eligibility.under(queries[0])
        lacking = rules.readable - int(np.count_nonzero(passes(eligibility.readable, shown.segments, shown.rows)))
        section = eligibility.filters.section or query.section
        sections = [section, None] if rules.fill == "section" and section is not None else [None]
        first = [(both(allowed, eligibility.readable), min(k, len(shown) + lacking))] if lacking > 0 else []
        for masks, size in [*first, (allowed, k)]:
            for one in sections:
                width = size + _SPARE
                while len(shown) < size:
                    there = set(zip(shown.segments.tolist(), shown.rows.tolist(), strict=True))
                    found = [(number, row) for *_, number, row in newest_first(self.view, masks, one, width)]
                    others = self._at(queries, [place for place in found if place not in there | gone], told)
                    more, _ = self._apply_policy(shown, others, query, size, eligibility, fills=True)
                    if len(more) == size or len(found) < width:
                        shown = more
                        break
                    width *= 4
        removed = {rule: count for rule, count in chosen.removed.items() if rule != "floor"}
        return replace(chosen, candidates=shown, removed=removed, basis=None)

    def _at(self, queries: Sequence[Query], at: Sequence[Place], told: NDArray[np.uint64] | None) -> Candidates:
        """The articles at some places as candidates under the first query, in their order; without near-duplicates of
        any query where duplicates are hidden."""
        numbers = np.array([number for number, _ in at], np.int32)
        rows = np.array([row for _, row in at], np.int64)
        here = [np.flatnonzero(numbers == number) for number in range(len(self.view.segments))]
        order = np.argsort(np.concatenate(here))
        unknown = np.zeros(len(FEATURES))
        lists = []
        for query in queries:
            parts = [compute_features(s, n, query, rows[here[n]]) for n, s in enumerate(self.view.segments)]
            lists.append(self.scoring.scored(query, Candidates.joined(parts), unknown).take(order))
        if told is not None:
            lists = self._without_read(queries, lists, told)
        return lists[0]

    def _without_read(
        self, queries: Sequence[Query], lists: Sequence[Candidates], groups: NDArray[np.uint64]
    ) -> list[Candidates]:
        pairs = zip(queries, lists, strict=True)
        repeats = [near_duplicates.of_query(self.view, query, one, self.settings.policy) for query, one in pairs]
        return history.without_read(lists, groups, repeats)

    def ranked(
        self, query: Query, allowed: Masks, own: Place | None, count: int, short: Shortlist | None = None
    ) -> Candidates:
        """About ``count`` candidates of the snapshot from dense search and as many from lexical search, and all that
        changed since, scored, best first, ties by id; ``own`` is the query article's place, and ``short`` the
        shortlist, where it is there."""
        return self._searched(query, allowed, own, count, short or self.scoring.shortlist(query, own))

    def _beside(self, query: Query, ranked: Candidates, others: Candidates, means: NDArray[np.float64]) -> Candidates:
        """The candidates and others beside them."""
        places = list(zip(others.segments.tolist(), others.rows.tolist(), strict=True))
        return self.scoring.best_first(Candidates.joined(list(self._pinned(query, ranked, places, means))))

    def _searched(self, query: Query, allowed: Masks, own: Place | None, count: int, found: Shortlist) -> Candidates:
        """What :meth:`ranked` gives; ``found`` is what the snapshot has without filters."""
        parts = []
        for number, segment in enumerate(self.view.segments):
            mask = allowed[number]
            if number == 0 and mask is None and found.count == count:
                parts.append(found.candidates)
                continue
            if number == 0:
                rows = segment.retrieve(query, count, self.scoring.settings, mask)
            else:
                rows = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
            if own is not None and own[0] == number:
                rows = rows[rows != own[1]]
            parts.append(self.scoring.scored(query, compute_features(segment, number, query, rows), found.means))
        return self.scoring.best_first(Candidates.joined(parts))

    def _count(self, k: int) -> int:
        """How many candidates are searched for at first, where k are wanted."""
        return max(self.scoring.settings.candidates, 2 * k)

    def _complete(self, chosen: Candidates, k: int, count: int, lacking: Masks | None) -> bool:
        """Whether a search for more than ``count`` would bring nothing: k are chosen, or all were found; ``lacking``
        are masks of which more ought to be among those chosen."""
        sizes = list(map(len, self.view.segments))
        passing = () if lacking is None else zip(sizes, lacking, strict=True)
        fewer = (n if mask is None else int(np.count_nonzero(mask)) for n, mask in passing)
        return (len(chosen) >= k or count >= max(sizes)) and count >= max(fewer, default=0)

    def _pinned(
        self, query: Query, ranked: Candidates, pinned: Sequence[Place], means: NDArray[np.float64]
    ) -> tuple[Candidates, Candidates]:
        """The candidates at ``pinned``, in that order, and the others. One that the search did not bring is scored."""
        if not pinned:
            return ranked.first(0), ranked
        found = {place: i for i, place in enumerate(zip(ranked.segments.tolist(), ranked.rows.tolist(), strict=True))}
        missing = [place for place in pinned if place not in found]
        parts = [
            compute_features(self.view.segments[number], number, query, np.array([row])) for number, row in missing
        ]
        scored = [self.scoring.scored(query, part, means) for part in parts]
        both = Candidates.joined([ranked, *scored])
        position = found | {place: len(ranked) + i for i, place in enumerate(missing)}
        others = np.setdiff1d(np.arange(len(ranked)), [found[place] for place in pinned if place in found])
        return both.take(np.array([position[place] for place in pinned], np.int64)), ranked.take(others)

    def _chosen(
        self, pins: Candidates, ranked: Candidates, query: Query, k: int, eligibility: Eligibility
    ) -> tuple[Candidates, dict[str, int], bool]:
        """What :meth:`_apply_policy` leaves, the lowest giving way where readers could open fewer than the policy says
        to the best that they can; and whether they are too few all the same."""

        def opened(some: Candidates) -> BoolArray:
            return passes(eligibility.readable, some.segments, some.rows)

        chosen, removed = self._apply_policy(pins, ranked, query, k, eligibility)
        if not (self.settings.policy.on and self.settings.policy.readable):
            return chosen, removed, False
        closed = len(pins) - int(np.count_nonzero(opened(pins)))
        least = min(self.settings.policy.readable, k - closed)
        if np.count_nonzero(opened(chosen)) >= least:
            return chosen, removed, False
        first, missed = self._apply_policy(pins, ranked.take(opened(ranked)), query, closed + least, eligibility)
        others = ranked.take(~np.isin(history.keys(ranked), history.keys(first)))
        filled, removed = self._apply_policy(first, others, query, k, eligibility)
        ordered = self._preferred(self.scoring.best_first(filled.take(slice(len(pins), None))), query, eligibility)
        chosen = Candidates.joined([pins, ordered])
        return chosen, removed, bool(np.count_nonzero(opened(chosen)) < least) and not missed.get("floor")

    def _apply_policy(
        self,
        pins: Candidates,
        ranked: Candidates,
        query: Query,
        k: int,
        eligibility: Eligibility,
        *,
        fills: bool = False,
    ) -> tuple[Candidates, dict[str, int]]:
        """The pins and the best of the others that no rule removes, k in all, and how many each rule removed. Those
        that only fill the box stand in the order given, whatever their score."""
        rules = self.settings.policy
        if not rules.on:
            return ranked.first(k), {}
        kept, removed = ranked if fills else self._preferred(ranked, query, eligibility), {}
        if rules.hide_duplicates:
            told = np.array([query.group, *pins.groups.tolist()], np.uint64)
            fresh = policy.first_of_groups(np.concatenate([told, kept.groups]))[len(told) :]
            kept = kept.take(fresh & ~near_duplicates.of_query(self.view, query, kept, rules))
            removed["duplicates"] = len(ranked) - len(kept)
        if rules.floor > 0 and rules.fill != "related" and not fills:
            above = policy.floor(kept, rules.floor)
            removed["floor"] = len(kept) - len(above)
            kept = above
        diversity = 0.0 if fills else rules.diversity
        if rules.hide_duplicates or diversity:
            kept, repeats = self._without_repeats(pins, kept, query, k, eligibility, diversity)
            removed["duplicates"] = removed.get("duplicates", 0) + repeats
        elif len(pins):
            kept = Candidates.joined([pins, kept])
        return kept.first(k), removed

    def _preferred(self, ranked: Candidates, query: Query, eligibility: Eligibility) -> Candidates:
        """The candidates, best first, in the order that ``policy.freshness`` or the request prefers."""
        left = self._left(ranked, query, eligibility)
        if left is None:
            return ranked
        return ranked.take(freshness.order(ranked.probabilities, left, self.settings.policy.floor))

    def _left(self, some: Candidates, query: Query, eligibility: Eligibility) -> NDArray[np.float64] | None:
        """What age leaves of candidates; None where it takes nothing."""
        prefer, moments = eligibility.prefer, (query.published_at, eligibility.today)
        if prefer == "any":
            return None
        tables = [segment.table for segment in self.view.segments]
        return freshness.left_of(some, tables, self.settings.policy, prefer, moments)

    def _without_repeats(
        self, pins: Candidates, kept: Candidates, query: Query, k: int, eligibility: Eligibility, diversity: float
    ) -> tuple[Candidates, int]:
        """The k to show, pins first, and how many were passed over because they repeat one; compares only as many as
        needed."""
        rules, width = self.settings.policy, k + _SPARE
        while True:
            some = kept.first(width)
            both = Candidates.joined([pins, some]) if len(pins) else some
            dense, repeats, updates = near_duplicates.among(self.view, both, rules)
            repeats &= rules.hide_duplicates
            left = self._left(both, query, eligibility) if diversity else None
            worth = both if left is None else replace(both, probabilities=both.probabilities * left.astype(np.float32))
            taken = policy.marginal(worth, dense, repeats, k, diversity, len(pins))
            if len(taken) == k or len(some) == len(kept):
                if repeats.any():
                    taken = near_duplicates.newest(self.view, both, taken, repeats, updates, len(pins))
                    taken[len(pins) :] = taken[len(pins) :] if rules.diversity else np.sort(taken[len(pins) :])
                repeats[:, taken] = False
                return both.take(taken), int(np.count_nonzero(repeats[taken].any(axis=0)))
            width *= 4
