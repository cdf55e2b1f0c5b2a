"""The time curve: how much two publication dates close together say that two articles are related. Measured from the
corpus, without judgements; freshness by half-life is :mod:`recommend.ranking.freshness`."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from recommend.index.dates import MISSING

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

LEAST_PAIRS = 300
"""Dated pairs of neighbours below which a curve would be guessed rather than measured."""

_DAY = 86_400
_STEP = 0.25  # between the curve's points, in ln(1 + days): 29 up to two years, 36 up to twenty
_BANDWIDTH = 0.35
_FINE = 0.01
_PSEUDO_PAIRS = 20.0
_LEAST_FALL = 0.3  # what falls less is chance


class TimeCurve(BaseModel):
    """The evidence of time: how much oftener than by chance neighbours by content lie so many days apart.

    Attributes:
        pairs: of neighbours it was measured on.
        days: ascending from 0, straight in ln(1 + days) between; constant after the last.
        evidence: at each of them the natural logarithm of the ratio, never rising.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: int = Field(ge=0)
    days: tuple[float, ...] = Field(min_length=1)
    evidence: tuple[float, ...]

    @model_validator(mode="after")
    def _aligned(self) -> TimeCurve:
        if len(self.days) != len(self.evidence):
            raise ValueError(f"{len(self.days)} days != {len(self.evidence)} evidence")
        return self

    @property
    def flat(self) -> bool:
        """Whether time carries no evidence: the same at all distances."""
        return self.evidence[0] == self.evidence[-1]

    def at(self, days: NDArray[np.float64]) -> FloatArray:
        """(n,) the evidence of so many days apart (n,), NaN where that is unknown."""
        evidence: FloatArray = np.interp(np.log1p(days), self._points, self.evidence).astype(np.float32)
        evidence[np.isnan(days)] = np.nan
        return evidence

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        points: NDArray[np.float64] = np.log1p(np.array(self.days))
        return points


FLAT = TimeCurve(pairs=0, days=(0.0,), evidence=(0.0,))
"""Of a corpus whose articles have no dates, or too few."""


def measure(published_at: IntArray, neighbours: NDArray[np.integer], groups: NDArray[np.uint64]) -> TimeCurve:
    """The curve of n articles: densities of days apart among neighbours and among all pairs, both smoothed over
    ln(1 + days), and the logarithm of their ratio, made never to rise (it says nothing where both are rare).

    Args:
        published_at: (n,) seconds since 1970, the least int64 where unknown.
        neighbours: (n, c) rows of each article's nearest by content alone, in which time had no say; its own row where
            there are too few.
        groups: (n,) duplicate groups; copies of one text say nothing of how stories go on.
    """
    own = np.arange(len(neighbours))[:, None]
    known = published_at != MISSING
    counted = known[neighbours] & known[own] & (groups[neighbours] != groups[own]) & (neighbours != own)
    pairs = int(np.count_nonzero(counted))
    if pairs < LEAST_PAIRS:
        return FLAT
    days = published_at // _DAY
    near = np.bincount(np.abs(days[neighbours] - days[own])[counted])
    by_chance = _days_apart(days[known])
    points = np.arange(0.0, np.log(len(by_chance)) + _STEP, _STEP)
    observed, expected = _smoothed(near, points), _smoothed(by_chance * (pairs / by_chance.sum()), points)
    ratio = np.log((observed + _PSEUDO_PAIRS) / (expected + _PSEUDO_PAIRS))
    from scipy.optimize import isotonic_regression  # a fifth of a second, which only those who build shall pay

    falling = isotonic_regression(ratio, weights=observed + expected + _PSEUDO_PAIRS, increasing=False).x
    if falling[0] - falling[-1] < _LEAST_FALL:
        return FLAT.model_copy(update={"pairs": pairs})
    return TimeCurve(
        pairs=pairs,
        days=tuple(np.expm1(points).round(2).tolist()),
        evidence=tuple(np.round(falling, 4).tolist()),
    )


def _days_apart(days: IntArray) -> NDArray[np.float64]:
    """(m,) how many of all pairs of articles lie 0, 1, … days apart: the counts of articles by day (n,), correlated
    with themselves."""
    articles = np.bincount(days - days.min())
    size = 2 * len(articles)
    spectrum = np.fft.rfft(articles, size)
    pairs = np.rint(np.fft.irfft(np.abs(spectrum) ** 2, size)[: len(articles)])
    pairs[0] = (pairs[0] - len(days)) / 2
    return np.maximum(pairs, 0.0)


def _smoothed(counts: NDArray[np.floating] | NDArray[np.integer], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(p,) how many of the counts (m,) of 0, 1, … days lie about each of the points, by a Gaussian kernel."""
    fine = np.bincount((np.log1p(np.arange(len(counts))) / _FINE).astype(np.int64), counts)
    kernel = np.exp(-0.5 * ((points[:, None] - _FINE * (np.arange(len(fine)) + 0.5)) / _BANDWIDTH) ** 2)
    return np.asarray(kernel @ fine)
