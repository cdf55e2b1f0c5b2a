"""From a query to the items of its box: retrieval, scoring, rules, policy, fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.index.lists import LISTED
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import history
from recommend.ranking.basis import Basis, key_of
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.choosing import Choosing, related_first
from recommend.ranking.chosen import Chosen
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.filling import Filling
from recommend.ranking.filtering import Filtering, without_read
from recommend.ranking.masks import Masks, both, excluding, passes, places
from recommend.ranking.shortlist import Scoring, Shortlist
from recommend.ranking.sifting import Sifting
from recommend.settings import Settings


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
        """The k to show: the best after rules and policy, then what fills; ``ready`` is the shortlist where it is
        there."""
        ruling = eligibility.ruling(query.card, article_id)
        own = None if article_id is None else self.view.locate(article_id)
        short = self.scoring.shortlist(query, own) if ready is None else ready
        sifting = Sifting(self.scoring, self.settings.policy, query, ruling, short.means, short.reasons, short.repeats)
        chosen = self._best(sifting, article_id, own, k, eligibility, short)
        filling = Filling(self.scoring, self.settings.policy, [query], eligibility, ruling=ruling)
        if filling.lacks(chosen, k):
            blocks = places(self.view, eligibility.under(query), eligibility.curated(article_id)[1])
            chosen = filling.filled(chosen, k, {*blocks, own})
        return sifting.placed(chosen) if chosen.ruled else chosen

    def _best(
        self,
        sifting: Sifting,
        article_id: str | None,
        own: Place | None,
        k: int,
        eligibility: Eligibility,
        found: Shortlist,
    ) -> Chosen:
        """The k best after rules and policy: of the shortlist and what changed since the snapshot or, where that leaves
        too few, of what a search with all filters brings."""
        query, ruling = sifting.query, sifting.ruling
        wanted, blocks = eligibility.curated(article_id)
        pinned = [place for place in places(self.view, eligibility.masks, wanted) if place != own]
        curated = {"pinned": len(wanted) - len(pinned)} if len(wanted) > len(pinned) else {}
        allowed = eligibility.under(query)
        blocked = [place for place in places(self.view, allowed, blocks) if place != own]
        if blocked:
            allowed = excluding(self.view, allowed, blocked)
            curated["blocked"] = len(blocked)
        ruled = ruling.pinned(self.view, eligibility.masks, {*wanted, *blocks})
        choosing = Choosing(sifting, eligibility, k, own, pinned[:k], ruled[: max(0, k - len(pinned))], curated)
        count = self._count(k)
        first: Candidates | None = None
        merged: Candidates | None = None
        if k <= LISTED and count == self.scoring.settings.candidates:
            listed = found.listed()
            merged = self._merged(query, own, listed, allowed)
            chosen, lacks = choosing.of(sifting.sift(merged))
            full = len(chosen.candidates) == k
            if listed.exhaustive or (full and not lacks) or chosen.removed.get("floor"):
                kept = full and not self.settings.policy.readable and self.view.segments[0].is_whole
                if article_id is None or not kept:
                    return chosen
                ordered = eligibility.prefer != "any" or choosing.filtering.preferred is not None or bool(ruling)
                any_of_it = ordered or self.settings.policy.diversity
                lowest = chosen.candidates.scores[len(pinned) :].min(initial=np.inf)
                reach = float(listed.least if any_of_it else lowest)
                others = [*wanted, *blocks, *(pin.id for pin in ruling.pins)]
                return replace(chosen, basis=self._basis(article_id, merged, reach, found.means, others))
            first = merged if full else None
        searched = eligibility.ruled(query, ruling)
        if blocked:
            searched = excluding(self.view, searched, blocked)
        if ruling.limits and merged is not None:
            chosen, lacks, exhausted = self._within_limits(choosing, searched, own, count, found, merged)
            if exhausted or (len(chosen.candidates) == k and not lacks):
                return chosen
        if first is None:
            choosing = replace(choosing, gone=_shut_out(self.view, allowed, searched))
        return self._best_of_search(choosing, searched, own, count, found, first)

    def _best_of_search(
        self,
        choosing: Choosing,
        allowed: Masks,
        own: Place | None,
        count: int,
        found: Shortlist,
        first: Candidates | None,
    ) -> Chosen:
        """The best of what searches bring with all filters; ``first`` is what the first one would, where that is
        known."""
        query = choosing.sifting.query
        readable: Masks | None = None
        while True:
            ranked = self._searched(query, allowed, own, count, found) if first is None else first
            if readable is not None:
                opened = self._searched(query, readable, own, count, found)
                ranked = self.scoring.beside(ranked, opened)
            chosen, lacks, exhausted = self._within_limits(choosing, allowed, own, count, found, ranked)
            if lacks and readable is None:
                readable = both(allowed, choosing.eligibility.readable)
                continue
            complete = self._complete(chosen.candidates, choosing.k, count, readable if lacks else None)
            if complete or exhausted or chosen.removed.get("floor"):
                return chosen
            count *= 4

    def _within_limits(
        self, choosing: Choosing, allowed: Masks, own: Place | None, count: int, found: Shortlist, ranked: Candidates
    ) -> tuple[Chosen, bool, bool]:
        """What is chosen of candidates and, where rules allow no more of what most of them are, of searches for others;
        whether readers could open too few of it; and whether there are no others."""
        query, ruling = choosing.sifting.query, choosing.sifting.ruling
        chosen, lacks = choosing.of(choosing.sifting.sift(ranked))
        reached = -1
        while ruling.limits and reached < len(chosen.candidates) < choosing.k:
            reached = len(chosen.candidates)
            open_ = ruling.open_to(self.view, allowed, chosen.candidates.places)
            more = self._searched(query, open_, own, count, found)
            if not len(more):
                return chosen, lacks, True
            ranked = self.scoring.beside(ranked, more)
            chosen, lacks = choosing.of(choosing.sifting.sift(ranked))
        return chosen, lacks, False

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
        looked_at, own = ranked.scores >= reach, ranked.segments == 0
        changed = [self.scoring.id(ranked, i) for i in np.flatnonzero(looked_at & ~own).tolist()]
        keys = [key_of(self.view, one) for one in (article_id, *others, *changed)]
        rows = ranked.rows[looked_at & own].tolist()
        return Basis(article_id, np.array([*keys, *rows], np.int64), reach, means)

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
        last = queries[0].card
        ruling = eligibility.ruling(last, None if last is None else last().id)
        allowed = [eligibility.ruled(query, ruling) for query in queries]
        rules, count = self.settings.policy, self._count(k)
        filtering = Filtering(self.scoring, rules, queries[0], eligibility, ruling=ruling)
        readable: list[Masks] = []
        shortlists = [self.scoring.shortlist(query, None) for query in queries]
        while True:
            searched = zip(queries, allowed, shortlists, strict=True)
            lists = [self._searched(query, masks, None, count, short) for query, masks, short in searched]
            if readable:
                searched = zip(queries, readable, shortlists, strict=True)
                others = [self._searched(query, masks, None, count, short) for query, masks, short in searched]
                lists = [self.scoring.beside(one, other) for one, other in zip(lists, others, strict=True)]
            if rules.on and rules.hide_duplicates:
                lists = without_read(self.view, rules, queries, lists, groups)
            merged, strongest = history.combine(lists, history.weights(len(queries)))
            ranked = self.scoring.best_first(merged)
            chosen, removed, lacks = filtering.chosen(ranked.first(0), ranked, k)
            if lacks and not readable:
                readable = [both(masks, eligibility.readable) for masks in allowed]
                continue
            complete = (self._complete(chosen, k, count, masks) for masks in (readable if lacks else [None]))
            searched_enough = ruling.limits and count > self._count(k)  # more is mostly of what there is enough of
            if all(complete) or removed.get("floor") or searched_enough:
                break
            count *= 4
        owed = dict(zip(history.keys(merged).tolist(), strongest.tolist(), strict=True))
        read_groups = groups if rules.on and rules.hide_duplicates else None
        first, related = related_first(chosen, 0, rules.floor)
        filled = Chosen(first, 0, related, removed, ruling=ruling)
        filling = Filling(self.scoring, rules, queries, eligibility, read_groups, ruling)
        if filling.lacks(filled, k):
            filled = filling.filled(filled, k)
        owing = [queries[owed.get(key, 0)] for key in history.keys(filled.candidates).tolist()]
        return replace(filled, queries=owing)

    def ranked(
        self, query: Query, allowed: Masks, own: Place | None, count: int, short: Shortlist | None = None
    ) -> Candidates:
        """About ``count`` candidates of the snapshot from dense search and as many from lexical search, and all that
        changed since, scored, best first, ties by id; ``own`` is the query article's place, and ``short`` the
        shortlist, where it is there."""
        return self._searched(query, allowed, own, count, short or self.scoring.shortlist(query, own))

    def _searched(self, query: Query, allowed: Masks, own: Place | None, count: int, found: Shortlist) -> Candidates:
        """What :meth:`ranked` gives; ``found`` is what the snapshot has without filters."""
        parts = []
        for number, segment in enumerate(self.view.segments):
            mask = allowed[number]
            if number == 0 and mask is None and found.count == count:
                parts.append(found.candidates)
                continue
            if number == 0:
                rows = segment.retrieve(query, count, self.scoring.settings, mask, allowed.conditions)
            else:
                rows = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
            if own is not None and own[0] == number:
                rows = rows[rows != own[1]]
            parts.append(self.scoring.scored(query, self.scoring.features(number, query, rows), found.means))
        return self.scoring.best_first(Candidates.joined(parts))

    def _count(self, k: int) -> int:
        """How many candidates are searched for at first, where k are wanted."""
        return max(self.scoring.settings.candidates, 2 * k)

    def _complete(self, chosen: Candidates, k: int, count: int, lacking: Masks | None) -> bool:
        """Whether a search for more than ``count`` would bring nothing: k are chosen, or all were found; ``lacking``
        are masks of which more ought to be among those chosen."""
        sizes = [segment.total for segment in self.view.segments]
        passing = () if lacking is None else zip(sizes, lacking, strict=True)
        fewer = (n if mask is None else int(np.count_nonzero(mask)) for n, mask in passing)
        return (len(chosen) >= k or count >= max(sizes)) and count >= max(fewer, default=0)


def _shut_out(view: View, allowed: Masks, searched: Masks) -> int:
    """How many of the allowed rows are left out of the search."""

    def count(masks: Masks) -> int:
        sizes = zip(masks, map(len, view.segments), strict=True)
        return sum(size if mask is None else int(np.count_nonzero(mask)) for mask, size in sizes)

    return count(allowed) - count(searched)
