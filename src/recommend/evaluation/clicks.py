"""What clicks tell: click-through by arm, position or section, and pairs that readers found worth the click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.impressions import Clusters, ImpressionLog
from recommend.evaluation.judgements import Qrels
from recommend.evaluation.ratios import quantile, ratio


@dataclass(frozen=True, slots=True)
class ClickThrough:
    """Clicks per item seen, with a 95 % interval that knows of clusters.

    The interval is Wilson's (JASA 1927) of as many independent impressions as these are worth (Korn and Graubard,
    Survey Methodology 1998): never more than there are.

    Attributes:
        clusters: readers, looks or days of an article that the interval is over.
        effective: independent impressions that these are worth.
        rate: 0…1; NaN where nothing was seen.
        low, high: 0 and 1 where nothing was seen.
    """

    seen: int
    clicks: int
    clusters: int
    effective: float
    rate: float
    low: float
    high: float


def click_rate(clicked: NDArray[np.bool_], cluster: NDArray[np.int64]) -> ClickThrough:
    """The click-through of items that were seen.

    Args:
        clicked: (n,) whether each was clicked.
        cluster: (n,) codes; see :meth:`ImpressionLog.cluster`.
    """
    seen, clicks = len(clicked), int(clicked.sum())
    if not seen:
        return ClickThrough(0, 0, 0, 0.0, float("nan"), 0.0, 1.0)
    rate = ratio(clicked.astype(float), np.ones(seen), cluster)
    plain = rate.value * (1 - rate.value)
    if rate.clusters < 2:
        effective = 1.0
    elif plain and rate.error:
        wide = quantile(0.95, 1e9) / quantile(0.95, rate.clusters - 1)
        effective = max(1.0, min(plain / rate.error**2, seen) * wide**2)
    else:  # all the same: what one cluster says of the next is unknown
        effective = float(rate.clusters)
    low, high = _wilson(rate.value, effective)
    return ClickThrough(seen, clicks, rate.clusters, effective, rate.value, low, high)


def click_through(
    log: ImpressionLog, groups: Sequence[str], group: NDArray[np.int64], by: Clusters = "unit", k: int = 50
) -> dict[str, ClickThrough]:
    """Click-through of each group that anything was seen of, at positions 1…k.

    Args:
        groups: names of the groups.
        group: (n,) codes.
        by: what the intervals are over.
    """
    reach = log.seen & (log.position <= k)
    cluster = log.cluster(by)
    return {name: click_rate(log.clicked[rows], cluster[rows])
             for code, name in enumerate(groups) if (rows := reach & (group == code)).any()}  # fmt: skip


def qrels_from_clicks(log: ImpressionLog, least: int) -> Qrels:
    """Grade 1 for every article and item that was clicked under it in at least ``least`` looks, by id."""
    pairs = np.stack([log.article, log.item], 1)[log.clicked]
    return _related(Counter((log.articles[a], log.items[b]) for a, b in pairs.tolist()), least)


def co_clicks(log: ImpressionLog, least: int) -> Qrels:
    """Grade 1, both ways, for every two items that at least ``least`` units clicked both of, by id: what goes together
    in readers' eyes, whether or not one was ever shown under the other."""
    clicked: dict[int, set[str]] = {}
    for unit, item in zip(log.unit[log.clicked].tolist(), log.item[log.clicked].tolist(), strict=True):
        clicked.setdefault(unit, set()).add(log.items[item])
    counts: Counter[tuple[str, str]] = Counter()
    for together in clicked.values():
        if len(together) <= _MOST_OF_A_UNIT:  # more is no reader
            for one, other in combinations(sorted(together), 2):
                counts.update(((one, other), (other, one)))
    return _related(counts, least)


_MOST_OF_A_UNIT = 200


def _related(counts: Counter[tuple[str, str]], least: int) -> Qrels:
    qrels: Qrels = {}
    for (query, document), count in sorted(counts.items()):
        if count >= least:
            qrels.setdefault(query, {})[document] = 1
    return qrels


def _wilson(rate: float, count: float) -> tuple[float, float]:
    z = quantile(0.95, 1e9)
    centre, half = rate + z * z / (2 * count), z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return max(0.0, (centre - half) / (1 + z * z / count)), min(1.0, (centre + half) / (1 + z * z / count))
