"""Which rows of each segment may be shown, as arrays of truth values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recommend.index.conditions import Conditions
from recommend.index.view import View
from recommend.ranking.candidates import Place

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Masks:
    """What may be shown.

    Attributes:
        rows: for each segment of a view (n,) bool, or None where all its rows pass.
        conditions: the same of articles that are not at hand.
    """

    rows: tuple[BoolArray | None, ...]
    conditions: Conditions = field(default_factory=Conditions)

    def __getitem__(self, number: int) -> BoolArray | None:
        return self.rows[number]

    def __iter__(self) -> Iterator[BoolArray | None]:
        return iter(self.rows)


def places(view: View, masks: Masks, ids: Iterable[str]) -> list[Place]:
    """Segments and rows of those of the articles that are alive and pass."""
    alive = view.locate_each(list(ids))
    return [(number, row) for number, row in alive if (mask := masks[number]) is None or mask[row]]


def excluding(view: View, masks: Masks, gone: Sequence[Place]) -> Masks:
    """The masks without the rows at ``gone``."""
    remaining = list(masks)
    ids = frozenset(view.segments[number].table.id(row) for number, row in gone)
    for number in {number for number, _ in gone}:
        mask, rows = masks[number], [row for segment, row in gone if segment == number]
        kept = np.ones(len(view.segments[number]), np.bool_) if mask is None else mask.copy()
        kept[rows] = False
        remaining[number] = kept
    return Masks(tuple(remaining), replace(masks.conditions, without=masks.conditions.without | ids))


def both(masks: Masks, others: Masks) -> Masks:
    """The rows that pass both masks; their conditions are the first's, with the access that the others ask for."""
    conditions = replace(masks.conditions, access=others.conditions.access)
    return Masks(tuple(every(pair) for pair in zip(masks, others, strict=True)), conditions)


def passes(masks: Masks, segments: NDArray[np.int32], rows: NDArray[np.int64]) -> BoolArray:
    """(n,) which of the rows (n,) of segments (n,) pass."""
    passing = np.ones(len(rows), np.bool_)
    for number, mask in enumerate(masks):
        if mask is not None:
            here = segments == number
            passing[here] = mask[rows[here]]
    return passing


def every(masks: Iterable[BoolArray | None]) -> BoolArray | None:
    """(n,) what passes each of some masks; None where all does."""
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None
