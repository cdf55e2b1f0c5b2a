"""Two arms of a test: how they differ, whether readers were shared out as they should have been, and for how long to go
on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.impressions import Clusters, ImpressionLog
from recommend.evaluation.ratios import Ratio, quantile, ratio, two_sided

POWER = 0.8
PLANNED = 1_000
"""Clusters at which a sequence of looks is to be tightest, unless said otherwise."""

_ALPHA = 0.05
_MISMATCH = 0.001


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """How the click-through of arm B differs from that of arm A.

    Attributes:
        rate_a, rate_b: clicks per item seen.
        difference: B − A; ``low`` and ``high`` its 95 % interval for one look that was planned beforehand.
        p_value: of a two-sided test, for such a look as well.
        always_low, always_high, always_p: the same, which hold however often one has looked and whenever one stops.
        clusters_a, clusters_b: readers, or looks.
        detectable: least difference that as many readers would show in four of five tests.
        needed: clusters of both arms that would show the difference asked for, or the one observed, in four of five
            tests; None where that is none.
    """

    rate_a: float
    rate_b: float
    difference: float
    low: float
    high: float
    p_value: float
    always_low: float
    always_high: float
    always_p: float
    clusters_a: int
    clusters_b: int
    detectable: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Whether arms have the shares of clusters that they should have.

    Attributes:
        expected: clusters of each arm, by weight.
        p_value: of a chi-squared test; ``mismatch`` where it is below 0.001 (Fabijan et al., KDD 2019): something loses
            or favours readers of one arm then, and no difference can be believed.
    """

    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    mismatch: bool


def compare_arms(
    events: ImpressionLog,
    a: str,
    b: str,
    *,
    by: Clusters = "unit",
    k: int = 50,
    wanted: float | None = None,
    planned: int = PLANNED,
) -> ArmDifference:
    """The comparison of two arms by click-through at positions 1…k.

    Args:
        events: the log.
        a, b: names of arms.
        by: what each arm's error is over: what was assigned to arms.
        wanted: a difference that is to be found.
        planned: clusters of both arms at which the sequence of looks is tightest; to be chosen before the first look.
    """
    first, second = (_rate(events, arm, by, k) for arm in (a, b))
    difference = second.value - first.value
    error = sqrt(first.error**2 + second.error**2)
    freedom = _welch(first, second)
    half = quantile(0.95, freedom) * error
    count = first.clusters + second.clusters
    p_value, always = 1.0, sequential(difference, error, count, planned)
    if error > 0:
        p_value = two_sided(difference / error, freedom)
    reach = quantile(0.95, 1e9) + quantile(2 * POWER - 1, 1e9)
    aim = difference if wanted is None else wanted
    needed = ceil(count * (reach * error / aim) ** 2) if aim and np.isfinite(error) else None
    return ArmDifference(
        first.value, second.value, difference, difference - half, difference + half, p_value, *always,
        first.clusters, second.clusters, reach * error, needed,
    )  # fmt: skip


def sequential(difference: float, error: float, count: int, planned: int = PLANNED) -> tuple[float, float, float]:
    """Interval and p-value of a difference that hold at every look at once.

    The interval is the asymptotic confidence sequence of Robbins' normal mixture (Waudby-Smith et al., Annals of
    Statistics 2024), the p-value that of the mixture sequential probability ratio test, its dual (Johari, Koomen,
    Pekelis and Walsh, Operations Research 2022).

    Args:
        difference: as it is now, with its standard ``error``.
        count: clusters now.
        planned: clusters at which it is to be tightest; the same at every look.

    Returns:
        Low, high, p.
    """
    if not error > 0 or not count:
        return -np.inf, np.inf, 1.0
    width = 2 * log(1 / _ALPHA)
    spread = count * (width + log(width + 1)) / planned  # n ρ²
    half = error * sqrt((spread + 1) / spread * log((spread + 1) / _ALPHA**2))
    evidence = spread / (1 + spread) * (difference / error) ** 2 / 2 - log(1 + spread) / 2
    return difference - half, difference + half, exp(-evidence) if evidence > 0 else 1.0


def arm_shares(events: ImpressionLog, weights: Mapping[str, float], by: Clusters = "unit") -> Shares:
    """How many clusters saw each arm, against the arms' weights; one that saw several counts for each."""
    from scipy.stats import chisquare  # half a second and 30 MB, which only those who judge shall pay

    cluster = events.cluster(by)
    counts = {arm: len(np.unique(cluster[events.arm == _code(events, arm)])) for arm in weights}
    total, whole = sum(counts.values()), sum(weights.values())
    expected = {arm: total * weight / whole for arm, weight in weights.items()}
    kept = [arm for arm in weights if expected[arm]]
    stray = any(counts[arm] for arm in weights if arm not in kept)
    p_value = float(chisquare([counts[arm] for arm in kept], [expected[arm] for arm in kept]).pvalue) if (
        len(kept) > 1 and not stray
    ) else float(not stray)  # fmt: skip
    return Shares(counts, expected, p_value, p_value < _MISMATCH)


def shared_clusters(events: ImpressionLog, arms: Sequence[str], by: Clusters = "unit") -> int:
    """Clusters that saw more than one of the arms."""
    cluster = events.cluster(by)
    sets = [set(np.unique(cluster[events.arm == _code(events, arm)]).tolist()) for arm in arms]
    return sum(len(one) for one in sets) - len(set().union(*sets))


def _rate(events: ImpressionLog, arm: str, by: Clusters, k: int) -> Ratio:
    rows: NDArray[np.bool_] = events.seen & (events.position <= k) & (events.arm == _code(events, arm))
    return ratio(events.clicked[rows].astype(float), np.ones(int(rows.sum())), events.cluster(by)[rows])


def _code(events: ImpressionLog, arm: str) -> int:
    return events.arms.index(arm) if arm in events.arms else -1


def _welch(first: Ratio, second: Ratio) -> float:
    """Degrees of freedom of the difference (Welch, Biometrika 1947)."""
    if not (np.isfinite(first.error) and np.isfinite(second.error)) or not first.error + second.error:
        return 1.0
    parts = [(one.error**2, max(one.clusters - 1, 1)) for one in (first, second)]
    return sum(part for part, _ in parts) ** 2 / sum(part**2 / freedom for part, freedom in parts)
