"""From candidates to the few that are shown: found, scored, filtered by policy."""

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
from recommend.ranking.candidates import Candidates
from recommend.ranking.chosen import Chosen
from recommend.ranking.eligibility import Eligibility, Masks, Place, both, excluding, passes, places
from recommend.ranking.features import compute_features
from recommend.ranking.filling import Filling
from recommend.ranking.filtering import Filtering, without_read
from recommend.ranking.shortlist import Scoring, Shortlist
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
        """The k to show: the best after policy, then what fills; ``ready`` is the shortlist where it is there."""
        chosen = self._best(query, article_id, k, eligibility, ready)
        filling = Filling(self.scoring, self.settings.policy, [query], eligibility)
        if not filling.lacks(chosen, k):
            return chosen
        own = None if article_id is None else self.view.locate(article_id)
        blocks = places(self.view, eligibility.under(query), eligibility.curated(article_id)[1])
        return filling.filled(chosen, k, {*blocks, own})

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
        filtering = Filtering(self.scoring, self.settings.policy, query, eligibility, own)
        count, readable = self._count(k), None
        first: Candidates | None = None
        if k <= LISTED and count == self.scoring.settings.candidates:
            listed = found.listed()
            merged = self._merged(query, own, listed, allowed)
            pins, others = self._pinned(query, merged, pinned[:k], found.means)
            chosen, removed, lacks = filtering.chosen(pins, others, k)
            full = len(chosen) == k
            if listed.exhaustive or (full and not lacks) or removed.get("floor"):
                basis = None
                if (
                    article_id is not None
                    and full
                    and not self.settings.policy.readable
                    and self.view.segments[0].is_whole
                ):
                    lowest = chosen.scores[len(pins) :].min(initial=np.inf)
                    any_of_it = self.settings.policy.diversity or eligibility.prefer != "any" or filtering.preferred
                    reach = float(listed.least if any_of_it else lowest)
                    basis = self._basis(article_id, merged, reach, found.means, [*wanted, *blocks])
                return self._told(chosen, len(pins), removed | curated, basis)
            first = merged if full else None
        while True:
            ranked = self._searched(query, allowed, own, count, found) if first is None else first
            if readable is not None:
                ranked = self._beside(query, ranked, self._searched(query, readable, own, count, found), found.means)
            pins, others = self._pinned(query, ranked, pinned[:k], found.means)
            chosen, removed, lacks = filtering.chosen(pins, others, k)
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
        filtering = Filtering(self.scoring, rules, queries[0], eligibility)
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
                lists = without_read(self.view, rules, queries, lists, groups)
            merged, strongest = history.combine(lists, history.weights(len(queries)))
            ranked = self.scoring.best_first(merged)
            chosen, removed, lacks = filtering.chosen(ranked.first(0), ranked, k)
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
        filling = Filling(self.scoring, rules, queries, eligibility, told)
        if filling.lacks(filled, k):
            filled = filling.filled(filled, k)
        owing = [queries[owed.get(key, 0)] for key in history.keys(filled.candidates).tolist()]
        return replace(filled, queries=owing)

    def _told(self, chosen: Candidates, pinned: int, removed: dict[str, int], basis: Basis | None) -> Chosen:
        """What is chosen, the pinned and the related first."""
        related = chosen.probabilities >= self.settings.policy.floor
        related[:pinned] = True
        first = chosen.take(np.argsort(~related, kind="stable"))
        return Chosen(first, pinned, int(np.count_nonzero(related)), removed, basis)

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
                rows = segment.retrieve(query, count, self.scoring.settings, mask, allowed.conditions)
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
        sizes = [segment.total for segment in self.view.segments]
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
