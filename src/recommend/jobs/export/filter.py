"""What an export may hold at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import time

import pyarrow as pa

from recommend.index.conditions import Conditions
from recommend.index.filters import Filters
from recommend.index.view import View
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.masks import Masks, both
from recommend.recommender import Recommender


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """What the file may hold.

    Attributes:
        boxes: ids of the articles that have a box: published and not expired.
        related: ids of those that may be in one.
        blocked: pairs of an article and what editors keep out of its box.
    """

    boxes: frozenset[str]
    related: frozenset[str]
    blocked: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, recommender: Recommender) -> ExportFilter:
        """What it may hold now."""
        view, now = recommender.view(), time()
        eligibility = Eligibility(view, Filters(), now, recommender.settings)
        unexpired = Masks(
            tuple(segment.table.timeline.unexpired(int(now)) for segment in view.segments), Conditions(now=int(now))
        )
        blocked = ((one, other) for one in view.curations for other in eligibility.curated(one)[1])
        return cls(
            frozenset(_ids(view, both(unexpired, Masks(view.alive)))),
            frozenset(_ids(view, eligibility.masks)),
            frozenset(blocked),
        )

    def allows(self, other: ExportFilter) -> bool:
        """Whether all that ``other`` allows is allowed by this."""
        return self.boxes >= other.boxes and self.related >= other.related and self.blocked <= other.blocked

    def apply(self, rows: pa.Table) -> pa.Table:
        """Those of the rows that are allowed."""
        pairs = zip(rows["article_id"].to_pylist(), rows["related_id"].to_pylist(), strict=True)
        kept = (
            one in self.boxes and other in self.related and (one, other) not in self.blocked for one, other in pairs
        )
        return rows.filter(pa.array(kept, pa.bool_()))


def _ids(view: View, masks: Masks) -> Iterator[str]:
    for segment, mask in zip(view.segments, masks, strict=True):
        yield from segment.ids(mask, masks.conditions)
