"""The newest eligible articles: the fallback when nothing is related, and the fill of a box."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.index.table import ArticleTable
from recommend.index.view import View
from recommend.ranking.masks import Masks

Dated = tuple[float, str, int, int]
"""Age, id, segment and row."""

_AT_ONCE = 4_096


def newest_first(view: View, masks: Masks, section: str | None, count: int) -> Iterator[Dated]:
    """The first ``count`` articles that pass the masks, of a section if one is given, newest first, ties by id."""
    view.segments[0].bring_newest(masks.conditions, section, count)
    return islice(at_hand(view, masks, section), count)


def at_hand(view: View, masks: Masks, section: str | None) -> Iterator[Dated]:
    """The articles at hand that pass the masks, likewise."""
    return merge(*(_of(number, s.table, masks[number], section) for number, s in enumerate(view.segments)))


def _of(number: int, table: ArticleTable, mask: NDArray[np.bool_] | None, section: str | None) -> Iterator[Dated]:
    order = table.timeline.newest_first
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        if mask is not None:
            rows = rows[mask[rows]]
        if section is not None:
            rows = rows[table.codes("section")[rows] == table.code("section", section)]
        for row in rows.tolist():
            yield -float(table.published_at[row]), table.id(row), number, row
