"""What a position is worth by itself: the examination curve, from neighbours that were exchanged at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.impressions import ImpressionLog

_RESAMPLES = 500
_SEED = 7


@dataclass(frozen=True, slots=True)
class Examination:
    """How probable it is that an item is looked at, by position, as a share of what it is at the first.

    Attributes:
        curve: (k,) 1 at the first position; NaN from where no exchange tells more.
        low, high: (k,) 95 % intervals.
        exchanged: (k − 1,) looks in which the pair at i and i + 1 was exchanged.
    """

    curve: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    exchanged: NDArray[np.int64]

    def filled(self) -> NDArray[np.float64]:
        """(k,) the curve without gaps: where nothing tells, the last that is known."""
        known = np.maximum.accumulate(np.where(np.isfinite(self.curve), np.arange(len(self.curve)), 0))
        return self.curve[known]


def examination(log: ImpressionLog, k: int) -> Examination:
    """The curve over positions 1…k by exchanges of neighbours (Joachims, Swaminathan and Schnabel, WSDM 2017;
    Craswell et al., WSDM 2008).

    Of the items that are ranked at i or i + 1 and could be exchanged, those clicked at i, each weighed by one over the
    chance that it stood there, estimate what is clicked when all of them stand at i; the same at i + 1. Their ratio is
    how much less is looked at i + 1. Intervals are by resampling days of articles, which are what is drawn at random.
    """
    code = np.unique(log.impression, return_inverse=True)[1]
    clusters = int(code.max()) + 1 if len(code) else 0
    sums = np.zeros((clusters, 2, max(k - 1, 0)))
    exchanged = np.zeros(max(k - 1, 0), np.int64)
    stay = 1 - log.up - log.down
    for i in range(1, k):
        upper, lower = (log.base == i) & (log.down > 0), (log.base == i + 1) & (log.up > 0)
        for side, place in enumerate((i, i + 1)):
            for rows, moved in ((upper, log.down), (lower, log.up)):
                there = rows & (log.position == place) & log.clicked
                chance = np.where(log.base == place, stay, moved)
                sums[:, side, i - 1] += np.bincount(code[there], 1 / chance[there], clusters)
        exchanged[i - 1] = len(np.unique(log.view[upper & (log.position == i + 1)]))
    drawn = np.random.default_rng(_SEED).poisson(1.0, (_RESAMPLES, clusters))
    curves = _curve(np.tensordot(drawn, sums, 1))
    low, high = (np.quantile(curves, q, axis=0) for q in (0.025, 0.975))
    curve = _curve(sums.sum(0)[None])[0]
    return Examination(curve, np.where(np.isfinite(curve), low, np.nan), np.where(np.isfinite(curve), high, np.nan),
                       exchanged)  # fmt: skip


def _curve(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r, k) products of the ratios of (r, 2, k − 1) sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(sums[:, 0] > 0, sums[:, 1] / sums[:, 0], np.nan)
    return np.cumprod(np.concatenate([np.ones((len(sums), 1)), ratios], 1), 1)
