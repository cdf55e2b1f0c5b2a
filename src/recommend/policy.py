"""What readers are spared, whatever its score. Every rule takes ranked candidates and returns those that stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.ranking import Candidates


def hide_group(candidates: Candidates, group: int) -> Candidates:
    """Without the articles that say the same as the query: its own duplicate group."""
    return candidates.take(candidates.groups != np.uint64(group))


def collapse_groups(candidates: Candidates) -> Candidates:
    """The best of each duplicate group; expects candidates best first."""
    _, first = np.unique(candidates.groups, return_index=True)
    return candidates.take(np.sort(first))


def floor(candidates: Candidates, least: float) -> Candidates:
    """Those whose probability of being related is at least ``least`` (0…1)."""
    return candidates.take(candidates.probabilities >= least)


def without_repeats(repeats: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Positions of up to ``most`` candidates, best first, none of which repeats an earlier one that was taken.

    Args:
        repeats: (n, n) whether two candidates tell the same, in the order of ranking.
        most: how many to take.
    """
    taken: list[int] = []
    for position in range(len(repeats)):
        if len(taken) == most:
            break
        if not repeats[position, taken].any():
            taken.append(position)
    return np.array(taken, np.int64)
