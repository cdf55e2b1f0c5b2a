"""What clicks tell: click-through by variant, and pairs that readers found worth the click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from recommend.articles.events import Event
from recommend.evaluation.judgements import Qrels


@dataclass(frozen=True, slots=True)
class ClickThrough:
    """Clicks per impression over the first k positions, with the 95 % interval of Wilson (JASA 1927).

    The interval takes impressions for independent: it is too narrow where few readers make many of them.

    Attributes:
        rate: 0…1; clicks beyond the number of impressions do not count, and without impressions it is 0.
        low, high: 0 and 1 without impressions.
    """

    impressions: int
    clicks: int
    rate: float
    low: float
    high: float


def click_through(events: Iterable[Event], k: int = 5) -> dict[str | None, ClickThrough]:
    """CTR@k by variant, None for boxes of no variant; clicks and impressions at positions 1…k count."""
    counts = Counter((event.variant, event.kind) for event in events if event.position <= k)
    variants = sorted({variant for variant, _ in counts}, key=lambda variant: (variant is not None, variant or ""))
    return {variant: _click_through(counts[variant, "impression"], counts[variant, "click"]) for variant in variants}


def qrels_from_clicks(events: Iterable[Event], least: int) -> Qrels:
    """Grade 1 for every article and item that was clicked under it at least ``least`` times, by id."""
    clicks = Counter((event.article_id, event.item_id) for event in events if event.kind == "click")
    qrels: Qrels = {}
    for (article_id, item_id), count in sorted(clicks.items()):
        if count >= least:
            qrels.setdefault(article_id, {})[item_id] = 1
    return qrels


def _click_through(impressions: int, clicks: int) -> ClickThrough:
    if not impressions:
        return ClickThrough(0, clicks, 0.0, 0.0, 1.0)
    from scipy.stats import binomtest  # half a second and 30 MB, which only those who judge shall pay

    test = binomtest(min(clicks, impressions), impressions)
    interval = test.proportion_ci(method="wilson")
    return ClickThrough(impressions, clicks, float(test.statistic), float(interval.low), float(interval.high))
