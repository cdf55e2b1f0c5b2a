"""Means over queries with intervals that cover, also where there are few queries, or where queries come in clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval.

    Attributes:
        mean: NaN of nothing.
        low, high: infinite where there are not two independent values to tell them from.
    """

    mean: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were enough values for an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def __str__(self) -> str:
        return f"{self.low:.4f} … {self.high:.4f}" if self.is_known else "unknown"


UNTOLD = Interval(float("nan"), float("-inf"), float("inf"))


def interval(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Interval:
    """The mean of some values with its 95 % interval.

    Student's t over clusters, with the bias-reduced variance and the degrees of freedom of Bell and McCaffrey (2002);
    shares and measures of 0…1 on the logit scale, where the interval can neither leave the range nor shrink to nothing
    (Korn and Graubard 1998, where no two clusters differ).

    Args:
        values: one each query.
        clusters: of each value, those alike in which depend on each other; None: all are independent.
    """
    return _interval(values, clusters, shares=True)


def difference_interval(differences: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Interval:
    """The same of differences between two runs, which are of either sign: no logit, and no width where none differs."""
    return _interval(differences, clusters, shares=False)


def _interval(values: Sequence[float], clusters: Sequence[Hashable] | None, *, shares: bool) -> Interval:
    """The mean with its interval: on the logit scale where values may be ``shares``, and all lie within 0…1."""
    sample = np.asarray(values, float)
    if not len(sample):
        return UNTOLD
    codes, count = encoded(range(len(sample)) if clusters is None else clusters)
    mean = float(sample.mean())
    if count < 2:
        return Interval(mean, float("-inf"), float("inf"))
    error, freedom = standard_error(sample, codes)
    if shares and sample.min() >= 0.0 and sample.max() <= 1.0:
        return Interval(mean, *_share(mean, error, freedom, count))
    half = float(_t(freedom)) * error
    return Interval(mean, mean - half, mean + half)


def encoded(labels: Iterable[Hashable]) -> tuple[IntArray, int]:
    """Labels as numbers from 0 on, in the order in which they first come, and how many there are."""
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.int64)
    return codes, len(numbers)


def standard_error(sample: FloatArray, codes: IntArray) -> tuple[float, float]:
    """The standard error of the mean of (n,) values whose clusters (n,) are numbered from 0 on, and its degrees of
    freedom: the fewer of those under independence within clusters and under complete dependence.

    The linearised mean has one regressor, for which the bias-reduced estimate (CR2) and Satterthwaite's degrees of
    freedom of Bell and McCaffrey have the closed forms used here; without clusters they are the ordinary ones.
    """
    shares = np.bincount(codes) / len(sample)
    sums = np.bincount(codes, sample - sample.mean())
    keep = 1.0 / (1.0 - shares)
    error = float(np.sqrt(np.sum(sums**2 * keep))) / len(sample)
    ratios, squares = shares**2 * keep, float(np.sum(shares**2))
    independent = 1.0 / (squares + ratios.sum() ** 2 - np.sum(ratios**2))
    own = ratios * (1.0 + squares - 2.0 * shares)
    moments = [float(np.sum(ratios * shares**power)) for power in range(3)]
    pairs = (
        moments[0] ** 2 * squares**2
        + 2 * moments[0] * moments[2]
        - 4 * squares * moments[0] * moments[1]
        + 2 * moments[1] ** 2
        - float(np.sum((ratios * (squares - 2.0 * shares)) ** 2))
    )
    dependent = own.sum() ** 2 / (np.sum(own**2) + pairs)
    return error, float(max(min(independent, dependent), 1.0))


def _share(mean: float, error: float, freedom: float, clusters: int) -> tuple[float, float]:
    if error > 1e-12 and 0.0 < mean < 1.0:
        from scipy.special import expit, logit

        half = float(_t(freedom)) * error / (mean * (1.0 - mean))
        return float(expit(logit(mean) - half)), float(expit(logit(mean) + half))
    from scipy.stats import beta

    tail, successes = (1.0 - LEVEL) / 2.0, mean * clusters
    low = beta.ppf(tail, successes, clusters - successes + 1.0) if successes > 0.0 else 0.0
    high = beta.ppf(1.0 - tail, successes + 1.0, clusters - successes) if successes < clusters else 1.0
    return float(low), float(high)


def _t(freedom: float) -> float:
    from scipy.special import stdtrit  # scipy.stats takes half a second, which only those who judge shall pay

    return float(stdtrit(freedom, (1.0 + LEVEL) / 2.0))
