"""A setting tried on a few boxes before it is published: what they show, and what they would show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recommend.index.view import View
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.masks import Masks

Step = Literal["same", "moved", "came", "left"]
_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Change:
    """One item of a box, and what becomes of it; ``related`` whether it counts as related there."""

    item: Recommendation
    step: Step
    related: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """One box under two settings.

    Attributes:
        before, after: its items in their order; what leaves is marked before, what comes after.
        before_fallback, after_fallback: what these are where nothing was left for the box: the newest, ``latest``.
    """

    before: tuple[Change, ...]
    after: tuple[Change, ...]
    before_fallback: Literal["latest", "popular"] | None = None
    after_fallback: Literal["latest", "popular"] | None = None

    @property
    def changed(self) -> bool:
        """Whether readers would see another box."""
        same = [one.item.id for one in self.before] == [one.item.id for one in self.after]
        return not same or [one.related for one in self.before] != [one.related for one in self.after]

    @property
    def emptied(self) -> bool:
        """Whether nothing is left that the box showed of its own."""
        had = bool(self.before) and self.before_fallback is None
        return had and (not self.after or self.after_fallback is not None)


@dataclass(frozen=True, slots=True)
class Tally:
    """The totals of a trial over its boxes.

    Attributes:
        related_before, related_after: how many items are related.
        shorter: how many boxes have fewer items than before.
        emptied: how many lose all that they had.
    """

    related_before: int
    related_after: int
    shorter: int
    emptied: int

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Tally:
        """That of some boxes."""
        before, after = (sum(one.related for trial in trials for one in getattr(trial, side)) for side in _SIDES)
        shorter = sum(len(trial.after) < len(trial.before) for trial in trials)
        return cls(before, after, shorter, sum(trial.emptied for trial in trials))

    def __str__(self) -> str:
        lines = [f"related items in the boxes tried: {self.related_before:,} → {self.related_after:,}"]
        lines += [f"{self.shorter:,} boxes shorter" if self.shorter > 1 else "1 box shorter"] * bool(self.shorter)
        lines += [f"{self.emptied:,} left with nothing of their own"] * bool(self.emptied)
        return "; ".join(lines)


def spread(view: View, masks: Masks, count: int) -> list[str]:
    """Ids of some articles of the snapshot that pass, evenly spread from the newest to the oldest; the newest, where
    most are not at hand."""
    view.segments[0].bring_newest(masks.conditions, None, count)
    table, mask = view.segments[0].table, masks[0]
    rows = table.timeline.newest_first
    rows = rows if mask is None else rows[mask[rows]]
    places = np.linspace(0, max(len(rows) - 1, 0), min(count, len(rows))).astype(np.int64)
    return [table.id(row) for row in rows[np.unique(places)].tolist()]


def compare(before: Answer, after: Answer) -> Trial:
    """Two answers for the same article side by side."""
    then, now = ({item.id: item.rank for item in answer.items} for answer in (before, after))
    changes = _changes(before, now, "left"), _changes(after, then, "came")
    return Trial(*changes, before.fallback, after.fallback)


def _changes(answer: Answer, others: dict[str, int], alone: Step) -> tuple[Change, ...]:
    def step(item: Recommendation) -> Step:
        rank = others.get(item.id)
        return alone if rank is None else "same" if rank == item.rank else "moved"

    return tuple(Change(item, step(item), item.rank <= answer.related) for item in answer.items)
