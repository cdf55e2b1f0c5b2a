"""What a box is to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recommend.index.query import Query
from recommend.ranking.basis import Basis
from recommend.ranking.candidates import Candidates


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
