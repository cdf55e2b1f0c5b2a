"""Which candidates of a ready list tell the same, as the list holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommend.index.lists import LISTED, PAIRS, Lists
from recommend.ranking.candidates import Candidates

BoolArray = NDArray[np.bool_]

_PLACE, _UPDATES = 5, 1 << 10  # bits of a place, of which a pair has two; added where one updates the other
_NONE, _TOO_MANY = 0xFFFF, 0xFFFE
_BITS = 1 << np.arange(LISTED, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Repeats:
    """What :mod:`recommend.ranking.near_duplicates` finds among the candidates of one list.

    Attributes:
        places: in the list, by row.
        copies: one bit a place, whether that says the same as the article in the same words; ``updates`` with other
            numbers.
        pairs: places of two that repeat one another, the lower first, and whether one updates the other.
    """

    places: dict[int, int]
    copies: int
    updates: int
    pairs: tuple[tuple[int, int, bool], ...]

    @classmethod
    def read(cls, found: Any, rows: Iterable[int]) -> Self | None:
        """What a list tells of its candidates at some rows; None where it has no room for all of it."""
        held: list[int] = found["pairs"].tolist()
        if held[0] == _TOO_MANY:
            return None
        some = () if held[0] == _NONE else tuple(map(_pair, held[: held.index(_NONE) if _NONE in held else PAIRS]))
        return cls({row: place for place, row in enumerate(rows)}, int(found["copies"]), int(found["updates"]), some)

    def of(self, candidates: Candidates, most: int | None = None) -> list[int] | None:
        """The places of candidates, or of the first of them, in the list; None where one is not in it."""
        if candidates.segments[:most].any():
            return None
        slots = [self.places.get(row, -1) for row in candidates.rows[:most].tolist()]
        return None if -1 in slots else slots

    def of_query(self, places: list[int]) -> tuple[BoolArray, BoolArray]:
        """(n,) which of those at some places say the same as the article in the same words, and which with other
        numbers."""
        return _set(self.copies, places), _set(self.updates, places)

    def apart(self, candidates: Candidates, most: int | None = None) -> bool:
        """Whether it is known that no two of the candidates, or of the first of them, repeat one another."""
        places = self.of(candidates, most)
        return places is not None and not any(one in places and other in places for one, other, _ in self.pairs)

    def among(self, places: list[int]) -> tuple[BoolArray, BoolArray]:
        """(n, n) which of those at some places repeat one another, and which of those are updates."""
        same, updates = np.zeros((2, len(places), len(places)), np.bool_)
        if self.pairs:
            position = {place: i for i, place in enumerate(places)}
            for one, other, updated in self.pairs:
                i, j = position.get(one), position.get(other)
                if i is not None and j is not None:
                    same[i, j] = same[j, i] = True
                    updates[i, j] = updates[j, i] = updated
        return same, updates


def write(block: Lists, of_query: tuple[BoolArray, BoolArray], among: tuple[BoolArray, BoolArray]) -> None:
    """Writes into b lists what :mod:`recommend.ranking.near_duplicates` finds.

    Args:
        block: (b,) the lists.
        of_query: (b, LISTED) which candidates say the same as the article in the same words, and with other numbers.
        among: (b, LISTED, LISTED) which candidates repeat one another, and which of those are updates.
    """
    block["copies"], block["updates"] = (flags @ _BITS for flags in of_query)
    same, updates = among
    lists, lower, higher = np.nonzero(np.triu(same))
    held = lower << _PLACE | higher | _UPDATES * updates[lists, lower, higher]
    counts = np.bincount(lists, minlength=len(block))
    position = np.arange(len(lists)) - np.repeat(np.cumsum(counts) - counts, counts)
    block["pairs"] = np.where(counts > PAIRS, _TOO_MANY, _NONE)[:, None]
    fits = counts[lists] <= PAIRS
    block["pairs"][lists[fits], position[fits]] = held[fits]


def _pair(held: int) -> tuple[int, int, bool]:
    return held >> _PLACE & 31, held & 31, bool(held & _UPDATES)


def _set(bits: int, places: list[int]) -> BoolArray:
    if not bits:
        return np.zeros(len(places), np.bool_)
    return np.array([bool(bits >> place & 1) for place in places], np.bool_)
