"""Means and ratios of what comes in clusters: a reader's looks, an article's day depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two sums with its standard error, by the delta method over clusters (Deng, Knoblich and Lu, KDD 2018).

    Attributes:
        value: NaN without anything to divide by.
        error: standard error; NaN with fewer than two clusters.
        clusters: how many there are.
    """

    value: float
    error: float
    clusters: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """By Student's t; the whole line where the error is unknown."""
        if not np.isfinite(self.error):
            return -np.inf, np.inf
        half = quantile(level, self.clusters - 1) * self.error
        return self.value - half, self.value + half


def ratio(numerator: Values, denominator: Values, cluster: NDArray[np.int64]) -> Ratio:
    """The sum of ``numerator`` (n,) over that of ``denominator`` (n,), rows of one code of ``cluster`` (n,) being
    dependent."""
    _, code = np.unique(cluster, return_inverse=True)
    tops, bottoms = (np.bincount(code, weights=one).astype(np.float64) for one in (numerator, denominator))
    return ratio_of_sums(tops, bottoms)


def ratio_of_sums(tops: Values, bottoms: Values) -> Ratio:
    """The same of the sums (g,) of each cluster."""
    count, total = len(tops), float(bottoms.sum())
    if total == 0.0:
        return Ratio(np.nan, np.nan, count)
    value = float(tops.sum()) / total
    if count < 2:
        return Ratio(value, np.nan, count)
    residuals = tops - value * bottoms
    return Ratio(value, sqrt(count / (count - 1) * float(residuals @ residuals)) / abs(total), count)


def quantile(level: float, freedom: float) -> float:
    """How many standard errors a two-sided interval of Student's t reaches."""
    from scipy.stats import t  # half a second and 30 MB, which only those who judge shall pay

    return float(t.ppf(0.5 + level / 2, max(freedom, 1.0)))


def two_sided(statistic: float, freedom: float) -> float:
    """The p-value of a statistic of Student's t."""
    from scipy.stats import t

    return float(2 * t.sf(abs(statistic), max(freedom, 1.0)))
