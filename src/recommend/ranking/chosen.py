"""The candidates chosen for a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recommend.index.query import Query
from recommend.ranking.basis import Basis
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.rules import UNRULED, Ruling


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shown of the candidates.

    Attributes:
        candidates: in the order shown, those that editors pinned first.
        pinned: how many these are.
        ruled: how many rules pin, which stand after those until they have their places: ``placed``.
        piece: the one that is left of a story, by a rule; None where nothing gave way to it.
        related: how many, pinned ones included, are related; those after them only fill the box.
        removed: how many each rule took away.
        basis: what that rests on; None where any change may change it.
        ruling: what rules of editors said.
        rescored: whether that made scores others.
        queries: where there were several, the one that each candidate owes most to.
    """

    candidates: Candidates
    pinned: int
    related: int
    removed: dict[str, int]
    basis: Basis | None = None
    queries: Sequence[Query] = ()
    ruling: Ruling = UNRULED
    ruled: int = 0
    placed: tuple[int, ...] = ()
    piece: Place | None = None
    rescored: bool = False

    def is_pinned(self, i: int) -> bool:
        """Whether editors, or a rule of theirs, put the item at a place where it is."""
        return i < self.pinned or i in self.placed
