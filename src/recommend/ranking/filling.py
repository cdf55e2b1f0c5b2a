"""What only fills a box: the newest of the section, then of all."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.index.query import Query
from recommend.ranking.candidates import FEATURES, Candidates, Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.filtering import SPARE, Filtering, without_read
from recommend.ranking.masks import both, passes
from recommend.ranking.newest import newest_first
from recommend.ranking.rules import UNRULED, Ruling
from recommend.ranking.shortlist import Scoring
from recommend.settings import PolicySettings


@dataclass(frozen=True)
class Filling:
    """Fills the box under one article, or under several that were read.

    Attributes:
        scoring: of the state that it is filled from.
        rules: of the policy.
        queries: for which; others fill for the first one.
        eligibility: of the request.
        read_groups: duplicate groups of what was read, of which nothing fills; None where no duplicates are hidden.
        ruling: what rules of editors say of the box, which hold of what fills, too.
    """

    scoring: Scoring
    rules: PolicySettings
    queries: Sequence[Query]
    eligibility: Eligibility
    read_groups: NDArray[np.uint64] | None = None
    ruling: Ruling = UNRULED

    def lacks(self, chosen: Chosen, k: int) -> bool:
        """Whether the newest of the section, or of all, are to fill what is chosen up to k."""
        return self.rules.on and self.rules.fill in ("section", "latest") and len(chosen.candidates) < k

    def filled(self, chosen: Chosen, k: int, gone: Set[Place | None] = frozenset()) -> Chosen:
        """What is related with the newest of the section and then of all up to k, as ``policy.fill`` says; nothing at
        the places ``gone`` fills."""
        rules, shown, query, eligibility = self.rules, chosen.candidates, self.queries[0], self.eligibility
        allowed, ruling = eligibility.ruled(query, self.ruling), self.ruling
        filtering = Filtering(self.scoring, rules, query, eligibility, ruling=ruling)
        lacking = rules.readable - int(np.count_nonzero(passes(eligibility.readable, shown.segments, shown.rows)))
        section = eligibility.filters.one_section or query.section
        sections = [section, None] if rules.fill == "section" and section is not None else [None]
        first = [(both(allowed, eligibility.readable), min(k, len(shown) + lacking))] if lacking > 0 else []
        for masks, size in [*first, (allowed, k)]:
            for one in sections:
                width = size + SPARE
                while len(shown) < size:
                    there, view = shown.places, self.scoring.view
                    open_ = ruling.open_to(view, masks, there)
                    found = [(number, row) for *_, number, row in newest_first(view, open_, one, width)]
                    others = self._at([place for place in found if place not in {*there, *gone}])
                    more, _ = filtering.first(shown, others, size, fills=True)
                    enough, grew = len(more) == size or len(found) < width, len(more) > len(shown)
                    if enough or (ruling.limits and grew):
                        shown = more
                    else:
                        width *= 4
                    if enough:
                        break
        removed = {rule: count for rule, count in chosen.removed.items() if rule != "floor"}
        return replace(chosen, candidates=shown, removed=removed, basis=None)

    def _at(self, at: Sequence[Place]) -> Candidates:
        """The articles at some places as candidates under the first query, in their order; without near-duplicates of
        any query where duplicates are hidden."""
        segments = self.scoring.view.segments
        numbers = np.array([number for number, _ in at], np.int32)
        rows = np.array([row for _, row in at], np.int64)
        here = [np.flatnonzero(numbers == number) for number in range(len(segments))]
        order = np.argsort(np.concatenate(here))
        unknown = np.zeros(len(FEATURES))
        lists = []
        for query in self.queries:
            parts = [self.scoring.features(n, query, rows[some]) for n, some in enumerate(here)]
            lists.append(self.scoring.scored(query, Candidates.joined(parts), unknown).take(order))
        if self.read_groups is not None:
            lists = without_read(self.scoring.view, self.rules, self.queries, lists, self.read_groups)
        return lists[0]
