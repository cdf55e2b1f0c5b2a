"""Whether one run differs from another: paired, by query, and by cluster where queries depend on each other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.intervals import Interval, difference_interval, encoded

SEED = 7
_RESAMPLES = 10_000
_EXACT = 13  # clusters up to which all 2^n signs are tried
_BLOCK = 2**24


@dataclass(frozen=True, slots=True)
class Difference:
    """How run B differs from run A on one measure.

    Attributes:
        difference: mean of B − A over queries, with its 95 % interval.
        p_value: of a two-sided paired randomisation test (Smucker et al., CIKM 2007), whole clusters changing sides.
        better, worse: queries on which B is above and below A.
        effect: the mean difference in standard deviations of the queries' differences (Cohen's d for pairs); 0 where
            no query differs.
    """

    difference: Interval
    p_value: float
    better: int
    worse: int
    effect: float = 0.0


def compare(
    values_a: Mapping[str, float], values_b: Mapping[str, float], clusters: Mapping[str, Hashable] | None = None
) -> Difference:
    """The paired comparison of two runs on the same queries, those of ``values_a``.

    Args:
        values_a, values_b: by query.
        clusters: of each query; None: all are independent.
    """
    differences = np.array([values_b[query] - values_a[query] for query in values_a], float)
    labels = None if clusters is None else [clusters[query] for query in values_a]
    if not differences.any():
        return Difference(Interval(0.0, 0.0, 0.0), 1.0, 0, 0)
    codes, _ = encoded(range(len(differences)) if labels is None else labels)
    deviation = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    interval = difference_interval(differences.tolist(), labels)
    if interval.is_known and all(0.0 <= value <= 1.0 for values in (values_a, values_b) for value in values.values()):
        interval = Interval(interval.mean, max(interval.low, -1.0), min(interval.high, 1.0))
    return Difference(
        interval,
        sign_flip(np.bincount(codes, differences).astype(np.float64)),
        int((differences > 0).sum()),
        int((differences < 0).sum()),
        float(differences.mean()) / deviation if deviation else 0.0,
    )


def sign_flip(sums: NDArray[np.float64]) -> float:
    """The two-sided p-value of the sum of (n,) independent numbers, under which each was as likely of the other sign.

    Exact where all signs can be tried, else by random ones, the same each time, the observed counted among them.
    """
    kept = sums[sums != 0.0]
    if not len(kept):
        return 1.0
    least = abs(kept.sum()) * (1.0 - 1e-9)
    if len(kept) <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2 ** len(kept))[:, None] >> np.arange(len(kept))) & 1)
        return float(np.mean(np.abs(signs @ kept) >= least))
    chance, beyond, rest = np.random.default_rng(SEED), 0, _RESAMPLES
    while rest:
        count = min(rest, max(1, _BLOCK // len(kept)))
        bits = np.unpackbits(np.frombuffer(chance.bytes(count * -(-len(kept) // 8)), np.uint8).reshape(count, -1), 1)
        flipped = bits[:, : len(kept)].astype(np.float32) @ kept  # those of one sign; the others have the other
        beyond += int((np.abs(2.0 * flipped - kept.sum()) >= least).sum())
        rest -= count
    return (1 + beyond) / (1 + _RESAMPLES)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, in their order, as the step-down correction for testing all of them raises them (Holm, 1979)."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted


@dataclass(frozen=True, slots=True)
class Change:
    """One query's values under two runs."""

    query: str
    a: float
    b: float


def most_changed(
    values_a: Mapping[str, float], values_b: Mapping[str, float], count: int = 10
) -> tuple[list[Change], list[Change]]:
    """The up to ``count`` queries that run B serves better than A, and those that it serves worse, the greatest
    difference first, ties by query; a query without a difference is in neither."""
    changes = [Change(query, values_a[query], values_b[query]) for query in sorted(values_a)]
    better = sorted((one for one in changes if one.b > one.a), key=lambda one: one.a - one.b)
    worse = sorted((one for one in changes if one.b < one.a), key=lambda one: one.b - one.a)
    return better[:count], worse[:count]
