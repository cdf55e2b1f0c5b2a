"""A setting tried on a few boxes before it is published: what they show, and what they would show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recommend.index.view import View
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.masks import Masks

Step = Literal["same", "moved", "came", "left"]


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
    """

    before: tuple[Change, ...]
    after: tuple[Change, ...]

    @property
    def changed(self) -> bool:
        """Whether readers would see another box."""
        same = [one.item.id for one in self.before] == [one.item.id for one in self.after]
        return not same or [one.related for one in self.before] != [one.related for one in self.after]


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
    return Trial(_changes(before, now, "left"), _changes(after, then, "came"))


def _changes(answer: Answer, others: dict[str, int], alone: Step) -> tuple[Change, ...]:
    def step(item: Recommendation) -> Step:
        rank = others.get(item.id)
        return alone if rank is None else "same" if rank == item.rank else "moved"

    return tuple(Change(item, step(item), item.rank <= answer.related) for item in answer.items)
