"""Limits per author, section or site within a box: which candidates share a limited value, and which exceed a limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


def together(limits: Sequence[tuple[BoolArray, int]], count: int) -> BoolArray:
    """(n, n) which of so many candidates are of one kind of which the number is limited."""
    pairs = np.zeros((count, count), np.bool_)
    for kind, _ in limits:
        pairs |= kind[:, None] & kind
    np.fill_diagonal(pairs, False)
    return pairs


def over(limits: Sequence[tuple[BoolArray, int]], taken: NDArray[np.int64], others: BoolArray) -> int:
    """How many candidates were passed over because enough of their kind were taken, without ``others`` (n,)."""
    passed = np.zeros(len(others), np.bool_)
    for kind, most in limits:
        if np.count_nonzero(kind[taken]) >= most:
            passed |= kind
    passed[taken] = False
    return int(np.count_nonzero(passed & ~others))
