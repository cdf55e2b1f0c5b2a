"""From candidates to the few that are shown: found, scored, filtered by policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.articles.languages import same_language
from recommend.index.live import View
from recommend.index.segment import Query
from recommend.ranking import history, near_duplicates, policy
from recommend.ranking.candidates import Candidates
from recommend.ranking.eligibility import Eligibility, Masks, Place, both, excluding, passes, places
from recommend.ranking.features import compute_features
from recommend.ranking.model import Ranker, length_weight, score, similarity_weight
from recommend.settings import Settings

BoolArray = NDArray[np.bool_]

_SPARE = 8


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shown of the candidates.

    Attributes:
        candidates: in the order shown, those that editors pinned first.
        pinned: how many these are.
        removed: how many each rule took away.
        queries: where there were several, the one that each candidate owes most to.
    """

    candidates: Candidates
    pinned: int
    removed: dict[str, int]
    queries: Sequence[Query] = ()


@dataclass(frozen=True)
class Selection:
    """Chooses from one state of everything that can be recommended.

    Attributes:
        view: that state.
        settings: ranking and policy.
        ranker: for queries in the encoder's language; ``foreign`` for others.
    """

    view: View
    settings: Settings
    ranker: Ranker
    foreign: Ranker

    def looked_up(self, queries: Sequence[Query], k: int, eligibility: Eligibility) -> list[Query]:
        """The queries, prepared for :meth:`choose` with the same k and eligibility: searching for many at once is
        sooner done."""
        alike: dict[int, list[int]] = {}
        for i, query in enumerate(queries):
            alike.setdefault(id(eligibility.under(query)[0]), []).append(i)
        found = list(queries)
        for members in alike.values():
            allowed = eligibility.under(queries[members[0]])[0]
            some = self.view.segments[0].look_up([queries[i] for i in members], self._count(k), allowed)
            for i, query in zip(members, some, strict=True):
                found[i] = query
        return found

    def choose(self, query: Query, article_id: str | None, k: int, eligibility: Eligibility) -> Chosen:
        """The k best after policy; looks further when rules leave too few."""
        own = None if article_id is None else self.view.locate(article_id)
        wanted, blocks = eligibility.curated(article_id)
        pinned = [place for place in places(self.view, eligibility.masks, wanted) if place != own]
        curated = {"pinned": len(wanted) - len(pinned)} if len(wanted) > len(pinned) else {}
        allowed = eligibility.under(query)
        blocked = [place for place in places(self.view, allowed, blocks) if place != own]
        if blocked:
            allowed = excluding(self.view, allowed, blocked)
            curated["blocked"] = len(blocked)
        count, readable = self._count(k), None
        while True:
            ranked = self.ranked(query, allowed, own, count, readable)
            pins, others = self._pinned(query, ranked, pinned[:k])
            chosen, removed, lacks = self._chosen(pins, others, query, k, eligibility)
            if lacks and readable is None:
                readable = both(allowed, eligibility.readable)
                continue
            if self._complete(chosen, k, count, readable if lacks else None):
                return Chosen(chosen, len(pins), removed | curated)
            count *= 4

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
        readable: list[Masks | None] = [None] * len(queries)
        while True:
            searched = zip(queries, allowed, readable, strict=True)
            lists = [self.ranked(query, masks, None, count, also) for query, masks, also in searched]
            if rules.on and rules.hide_duplicates:
                lists = history.without_read(lists, groups, rules.duplicate_dense, rules.duplicate_lexical)
            merged, strongest = history.combine(lists, history.weights(len(queries)))
            ranked = self._best_first(merged)
            chosen, removed, lacks = self._chosen(ranked.first(0), ranked, queries[0], k, eligibility)
            if lacks and readable[0] is None:
                readable = [both(masks, eligibility.readable) for masks in allowed]
                continue
            if all(self._complete(chosen, k, count, masks if lacks else None) for masks in readable):
                break
            count *= 4
        owed = dict(zip(history.keys(merged).tolist(), strongest.tolist(), strict=True))
        return Chosen(chosen, 0, removed, [queries[owed[key]] for key in history.keys(chosen).tolist()])

    def ranked(
        self, query: Query, allowed: Masks, own: Place | None, count: int, also: Masks | None = None
    ) -> Candidates:
        """About ``count`` candidates from dense search and as many from lexical search, scored, best first, ties by id;
        ``own`` is the query article's place. As many that pass the masks ``also`` come beside them, whose scores stay
        as they are."""
        if also is not None:
            ranked, others = self.ranked(query, allowed, own, count), self.ranked(query, also, own, count)
            places = list(zip(others.segments.tolist(), others.rows.tolist(), strict=True))
            return self._best_first(Candidates.joined(list(self._pinned(query, ranked, places))))
        parts = []
        for number, segment in enumerate(self.view.segments):
            rows = segment.retrieve(query, count, self.settings.ranking, allowed[number])
            if own is not None and own[0] == number:
                rows = rows[rows != own[1]]
            parts.append(compute_features(segment, number, query, rows))
        return self._best_first(self._scored(query, Candidates.joined(parts)))

    def id(self, candidates: Candidates, i: int) -> str:
        """The id of candidate ``i``."""
        return self.view.segments[int(candidates.segments[i])].table.id(int(candidates.rows[i]))

    def _count(self, k: int) -> int:
        """How many candidates are searched for at first, where k are wanted."""
        return max(self.settings.ranking.candidates, 2 * k)

    def _complete(self, chosen: Candidates, k: int, count: int, lacking: Masks | None) -> bool:
        """Whether a search for more than ``count`` would bring nothing: k are chosen, or all were found; ``lacking``
        are masks of which more ought to be among those chosen."""
        sizes = list(map(len, self.view.segments))
        passing = () if lacking is None else zip(sizes, lacking, strict=True)
        fewer = (n if mask is None else int(np.count_nonzero(mask)) for n, mask in passing)
        return (len(chosen) >= k or count >= max(sizes)) and count >= max(fewer, default=0)

    def _scored(self, query: Query, candidates: Candidates) -> Candidates:
        manifest = self.view.snapshot.manifest
        native = same_language(query.language, manifest.language)
        ranker = self.ranker if native else self.foreign
        return score(
            candidates,
            ranker,
            length_weight(query.term_count),
            similarity_weight(manifest.mean_similarity),
            manifest.units[0],
        )

    def _best_first(self, scored: Candidates) -> Candidates:
        order = np.lexsort((scored.rows, scored.segments, -scored.scores))
        if len(self.view.segments) > 1 and (np.diff(scored.scores[order]) == 0).any():
            order = np.array(sorted(order, key=lambda i: (-scored.scores[i], self.id(scored, i))), np.int64)
        return scored.take(order)

    def _pinned(self, query: Query, ranked: Candidates, pinned: Sequence[Place]) -> tuple[Candidates, Candidates]:
        """The candidates at ``pinned``, in that order, and the others. One that the search did not bring is scored
        beside those that it did, whose scores stay."""
        if not pinned:
            return ranked.first(0), ranked
        found = {place: i for i, place in enumerate(zip(ranked.segments.tolist(), ranked.rows.tolist(), strict=True))}
        missing = [place for place in pinned if place not in found]
        parts = [
            compute_features(self.view.segments[number], number, query, np.array([row])) for number, row in missing
        ]
        scored = [self._scored(query, Candidates.joined([ranked, *parts]))] if parts else []
        both = Candidates.joined([ranked, *scored])
        position = found | {place: 2 * len(ranked) + i for i, place in enumerate(missing)}
        others = np.setdiff1d(np.arange(len(ranked)), [found[place] for place in pinned if place in found])
        return both.take(np.array([position[place] for place in pinned], np.int64)), ranked.take(others)

    def _chosen(
        self, pins: Candidates, ranked: Candidates, query: Query, k: int, eligibility: Eligibility
    ) -> tuple[Candidates, dict[str, int], bool]:
        """What :meth:`_apply_policy` leaves, the lowest giving way where readers could open fewer than the policy says
        to the best that they can; and whether they are too few all the same."""

        def opened(some: Candidates) -> BoolArray:
            return passes(eligibility.readable, some.segments, some.rows)

        chosen, removed = self._apply_policy(pins, ranked, query, k)
        if not (self.settings.policy.on and self.settings.policy.readable):
            return chosen, removed, False
        closed = len(pins) - int(np.count_nonzero(opened(pins)))
        least = min(self.settings.policy.readable, k - closed)
        if np.count_nonzero(opened(chosen)) >= least:
            return chosen, removed, False
        first, missed = self._apply_policy(pins, ranked.take(opened(ranked)), query, closed + least)
        others = ranked.take(~np.isin(history.keys(ranked), history.keys(first)))
        filled, removed = self._apply_policy(first, others, query, k)
        chosen = Candidates.joined([pins, self._best_first(filled.take(slice(len(pins), None)))])
        return chosen, removed, bool(np.count_nonzero(opened(chosen)) < least) and not missed.get("floor")

    def _apply_policy(
        self, pins: Candidates, ranked: Candidates, query: Query, k: int
    ) -> tuple[Candidates, dict[str, int]]:
        """The pins and the best of the others that no rule removes, k in all, and how many each rule removed."""
        rules = self.settings.policy
        if not rules.on:
            return ranked.first(k), {}
        kept, removed = ranked, {}
        if rules.hide_duplicates:
            told = np.array([query.group, *pins.groups.tolist()], np.uint64)
            fresh = policy.first_of_groups(np.concatenate([told, kept.groups]))[len(told) :]
            kept = kept.take(
                np.flatnonzero(fresh & ~near_duplicates.of_query(kept, rules.duplicate_dense, rules.duplicate_lexical))
            )
            removed["duplicates"] = len(ranked) - len(kept)
        if rules.floor > 0:
            above = policy.floor(kept, rules.floor)
            removed["floor"] = len(kept) - len(above)
            kept = above
        if rules.hide_duplicates or rules.diversity:
            kept, repeats = self._without_repeats(pins, kept, k)
            removed["duplicates"] = removed.get("duplicates", 0) + repeats
        elif len(pins):
            kept = Candidates.joined([pins, kept])
        return kept.first(k), removed

    def _without_repeats(self, pins: Candidates, kept: Candidates, k: int) -> tuple[Candidates, int]:
        """The k to show, pins first, and how many were passed over because they repeat one; compares only as many as
        needed."""
        rules, width = self.settings.policy, k + _SPARE
        while True:
            some = kept.first(width)
            both = Candidates.joined([pins, some]) if len(pins) else some
            dense, repeats = near_duplicates.among(self.view, both, rules.duplicate_dense, rules.duplicate_lexical)
            repeats &= rules.hide_duplicates
            taken = policy.marginal(both, dense, repeats, k, rules.diversity, len(pins))
            if len(taken) == k or len(some) == len(kept):
                repeats[:, taken] = False
                return both.take(taken), int(np.count_nonzero(repeats[taken].any(axis=0)))
            width *= 4
