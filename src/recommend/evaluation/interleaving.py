"""Which of two interleaved rankings readers prefer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.evaluation.impressions import ImpressionLog
from recommend.evaluation.ratios import ratio, two_sided


@dataclass(frozen=True, slots=True)
class Preference:
    """How looks with a click divide between two teams (Chapelle, Joachims, Radlinski and Yue, TOIS 2012).

    Attributes:
        first, second, ties: looks in which more was clicked of the one team, of the other, of both alike.
        margin: share of looks won by the second above that of the first, halved: −0.5…0.5, with its 95 % interval.
        p_value: of a two-sided test over days of articles, which are what teams are drawn for.
    """

    first: int
    second: int
    ties: int
    margin: float
    low: float
    high: float
    p_value: float


def preference(log: ImpressionLog, arm: str) -> Preference:
    """Which team's items readers of an arm clicked more, under team-draft interleaving."""
    code = log.arms.index(arm) if arm in log.arms else -1
    rows = (log.arm == code) & log.clicked & (log.team > 0)
    looks, first, place = np.unique(log.view[rows], return_index=True, return_inverse=True)
    won = np.sign(np.bincount(place, np.where(log.team[rows] == 2, 1.0, -1.0), len(looks)))
    counts = [int((won == side).sum()) for side in (-1, 1, 0)]
    share = ratio(won / 2, np.ones(len(won)), log.impression[rows][first])
    low, high = share.interval()
    p_value = two_sided(share.value / share.error, share.clusters - 1) if share.error > 0 else 1.0
    return Preference(counts[0], counts[1], counts[2], share.value, low, high, p_value)
