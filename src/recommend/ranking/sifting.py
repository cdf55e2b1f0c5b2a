"""Applies editors' rules: filters and reweighs candidates before policy, places pins after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.index.query import Query
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.latest_piece import latest_piece
from recommend.ranking.listed_reasons import ListedReasons
from recommend.ranking.repeats import Repeats
from recommend.ranking.rules import Ruling
from recommend.ranking.shortlist import Scoring
from recommend.ranking.signals import rescored, without_signals
from recommend.settings import PolicySettings


@dataclass(frozen=True, slots=True)
class Sifted:
    """Candidates that pass the rules, best first.

    Attributes:
        gone: how many they did not.
        rescored: whether they score otherwise than without rules.
        piece: the one that is left of a story; None where nothing gave way to it.
    """

    candidates: Candidates
    gone: int = 0
    piece: Place | None = None
    rescored: bool = False


@dataclass(frozen=True, slots=True)
class Sifting:
    """Applies rules to the candidates of one query.

    Attributes:
        scoring: has scored them.
        rules: of policy.
        query: whose candidates.
        ruling: what rules of editors say.
        means: as in :class:`~recommend.ranking.shortlist.Shortlist`.
        reasons: reasons that need not be computed; ``repeats`` what need not of which candidates tell the same.
    """

    scoring: Scoring
    rules: PolicySettings
    query: Query
    ruling: Ruling
    means: NDArray[np.float64]
    reasons: ListedReasons | None = None
    repeats: Repeats | None = None

    def sift(self, candidates: Candidates) -> Sifted:
        """The candidates that pass the rules, with the scores that rules adjust."""
        ruling, query, reasons = self.ruling, self.query, self.reasons
        if not ruling:
            return Sifted(candidates)
        view = self.scoring.view
        kept = candidates.take(ruling.passes(view, candidates)) if ruling.sifts else candidates
        gone, other = len(candidates) - len(kept), False
        if ruling.ignored:
            scored = rescored(self.scoring, query, kept, self.means, ruling.ignored)
            other, kept = scored is not kept, scored
            query, reasons = (without_signals(view, query, ruling.ignored), None) if other else (query, reasons)
        if not ruling.latest_of_story:
            return Sifted(kept, gone, rescored=other)
        latest = latest_piece(view, query, kept, self.rules, reasons)
        return Sifted(latest.candidates, gone + latest.gone, latest.place, other)

    def placed(self, chosen: Chosen) -> Chosen:
        """What is chosen with what rules pin, which stands after what editors pinned in this very box, at its position,
        or as far up as something related stands."""
        first = chosen.pinned
        positions = {pin.id: pin.position for pin in self.ruling.pins}
        at = [self._position(chosen, i, positions) for i in range(first, first + chosen.ruled)]
        order: list[int] = [*range(first), *range(first + chosen.ruled, len(chosen.candidates))]
        for i, position in sorted(zip(range(first, first + chosen.ruled), at, strict=True), key=lambda one: one[1]):
            order.insert(max(first, min(position - 1, chosen.related - 1)), i)
        placed = tuple(place for place, i in enumerate(order) if first <= i < first + chosen.ruled)
        return replace(chosen, candidates=chosen.candidates.take(np.array(order, np.int64)), placed=placed)

    def _position(self, chosen: Chosen, i: int, positions: dict[str, int]) -> int:
        return positions[self.scoring.id(chosen.candidates, i)]


def touched(scoring: Scoring, chosen: Chosen) -> list[list[str]]:
    """By item of a box, the names of the rules by which it stands there."""
    if not chosen.ruling:
        return [[] for _ in range(len(chosen.candidates))]
    places = chosen.candidates.places
    latest = [places.index(chosen.piece)] if chosen.piece in places else []
    return chosen.ruling.touched(scoring.view, chosen.candidates, chosen.placed, latest)
