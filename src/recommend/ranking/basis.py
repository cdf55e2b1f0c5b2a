"""The basis of an answer: while nothing in it changes, the answer does not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.index.view import View

IntArray = NDArray[np.int64]

_CHANGED = 1 << 62  # no row comes near


@dataclass(frozen=True, slots=True)
class Basis:
    """What one cached answer depends on.

    Attributes:
        article_id: whose box it is.
        keys: (n,) int64 the articles that it depends on, its own included, see :func:`key_of`.
        reach: the ranking score from which on an article that is new among the candidates may change it.
        means: (f,) as in :class:`~recommend.ranking.shortlist.Shortlist`.
    """

    article_id: str
    keys: IntArray
    reach: float
    means: NDArray[np.float64]


def key_of(view: View, article_id: str) -> int:
    """A number for an article, the same in all views of one snapshot: its row there, or a hash where it has none, which
    two may share."""
    row = view.snapshot.segment.table.row(article_id)
    return _CHANGED | (hash(article_id) & (_CHANGED - 1)) if row is None else row
