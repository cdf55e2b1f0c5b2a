"""One ranking for what a reader has read: the candidates of several articles, the later ones counting more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommend.ranking.candidates import Candidates

READ = 5
"""How many articles of a history are ranked for."""

_DECAY = 0.5


def weights(count: int) -> NDArray[np.float64]:
    """(count,) how much each article counts, the latest first; they sum to 1."""
    falling = _DECAY ** np.arange(count)
    normalised: NDArray[np.float64] = falling / falling.sum()
    return normalised


def combine(lists: Sequence[Candidates], weights: NDArray[np.float64]) -> tuple[Candidates, NDArray[np.int64]]:
    """The candidates of several queries as one list that holds each article once.

    Args:
        lists: (m,) of each query, at least one.
        weights: (m,) of each query.

    Returns:
        The n candidates by segment and row, with features of the query that each owes most to; scores and
        probabilities are the weighted sum of its probabilities, 0 under a query that did not find it. And (n,) which
        query each owes most to, the earlier of two.
    """
    joined = Candidates.joined(list(lists))
    origin = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    shares = joined.probabilities * weights[origin]
    order = np.lexsort((origin, -shares, joined.rows, joined.segments))
    segments, rows = joined.segments[order], joined.rows[order]
    starts = np.flatnonzero((np.diff(segments, prepend=-1) != 0) | (np.diff(rows, prepend=-1) != 0))
    totals = np.add.reduceat(shares[order], starts).astype(np.float32) if len(starts) else shares.astype(np.float32)
    best = order[starts]
    return replace(joined.take(best), scores=totals, probabilities=totals), origin[best]


def without_read(
    lists: Sequence[Candidates], groups: NDArray[np.uint64], repeats: Sequence[NDArray[np.bool_]]
) -> list[Candidates]:
    """Each query's candidates without those that tell what was read.

    Args:
        lists: of each query.
        groups: duplicate groups of all that was read.
        repeats: by query (n,) which of its candidates tell the same as it does.
    """
    excluded = [np.isin(one.groups, groups) | same for one, same in zip(lists, repeats, strict=True)]
    gone = np.concatenate([keys(one.take(mask)) for one, mask in zip(lists, excluded, strict=True)])
    return [one.take(~np.isin(keys(one), gone)) for one in lists]


def keys(candidates: Candidates) -> NDArray[np.int64]:
    """(n,) one number for each article's segment and row."""
    return candidates.segments.astype(np.int64) << 40 | candidates.rows
