"""The newest articles that may be shown: what stands in where nothing is related, and what fills a box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.index.live import View
from recommend.index.table import ArticleTable
from recommend.ranking.eligibility import Eligibility, Masks, Place, both, places

_AT_ONCE = 4_096


def newest(
    eligibility: Eligibility, k: int, pins: Sequence[str] = (), *, any_kind: bool = False, readable: int = 0
) -> tuple[list[Place], int]:
    """Where the k newest articles are, ties by id, after those of ``pins`` that may be shown, and how many these are.

    ``any_kind`` lets every genre pass. At least ``readable`` are such as the reader may open, if there are so many.
    """
    view, masks = eligibility.view, eligibility.under(None, any_kind=any_kind)
    first = places(view, eligibility.masks, pins)[:k]
    others = [one for one in islice(_dated(view, masks, None), k) if one[2:] not in first][: k - len(first)]
    if readable:
        open_ = islice(_dated(view, both(masks, eligibility.readable), None), k)
        opened = [mask is None or mask[row] for mask, row in ((eligibility.readable[n], row) for n, row in first)]
        least = min(readable, k) - sum(map(bool, opened))
        kept = [one for one in open_ if one[2:] not in first][: max(0, min(least, k - len(first)))]
        rest = [one for one in others if one not in kept]
        if len(others) - len(rest) < len(kept):
            others = sorted([*kept, *rest[: k - len(first) - len(kept)]])
    return [*first, *(one[2:] for one in others)], len(first)


def newest_of(view: View, masks: Masks, section: str | None, count: int) -> list[Place]:
    """Where the ``count`` newest articles of a section, None: of any, are that pass the masks; ties by id."""
    return [one[2:] for one in islice(_dated(view, masks, section), count)]


def _dated(view: View, masks: Masks, section: str | None) -> Iterator[tuple[float, str, int, int]]:
    """Those rows as age, id, segment and row, in that order."""
    return merge(*(_of(number, s.table, masks[number], section) for number, s in enumerate(view.segments)))


def _of(
    number: int, table: ArticleTable, mask: NDArray[np.bool_] | None, section: str | None
) -> Iterator[tuple[float, str, int, int]]:
    order = table.newest_first
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        if mask is not None:
            rows = rows[mask[rows]]
        if section is not None:
            rows = rows[table.codes("section")[rows] == table.code("section", section)]
        for row in rows.tolist():
            yield -float(table.published_at[row]), table.id(row), number, row
