"""What relevance alone misses: what boxes show as a whole, and how it is shared out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.evaluation.intervals import Interval, interval
from recommend.index.dates import MISSING
from recommend.index.view import View
from recommend.ranking.near_duplicates import compare
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

DAY = 86_400
BY_BOX = {
    "duplicates": "share of its items that repeat the story or an item above",
    "diversity": "mean of 1 − cosine between its items",
    "novelty": "mean of −log₂ of the share of boxes that show an item, in bits",
    "age": "median days by which its items are older than the story",
    "fill": "share of its items that only fill it",
    "short": "whether it has fewer items than asked for",
    "empty": "whether it has none that is related",
}
"""Figures of one box."""


@dataclass(frozen=True, slots=True)
class Box:
    """The items under an article, best first, of which the first ``related`` are; the others only fill the box."""

    article_id: str
    items: tuple[str, ...]
    related: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What some boxes show.

    Attributes:
        size: items asked for.
        values: by name of BY_BOX and article; a box of which something cannot be told has no value: of one item no
            diversity, of none neither age nor novelty.
        coverage: share of all articles that any of the boxes shows.
        gini: of how often each article is shown, 0 where all are as often, 1 where one takes all (Gini, 1912).
        most: the article that most of the boxes show, and how many do; None without any item.
        articles: how many there are.
    """

    size: int
    values: dict[str, dict[str, float]]
    coverage: float
    gini: float
    most: tuple[str, int] | None
    articles: int

    @property
    def boxes(self) -> int:
        """How many."""
        return len(self.values["empty"])

    @property
    def means(self) -> dict[str, Interval]:
        """By name, over boxes that have a value."""
        return {name: interval(list(found.values())) for name, found in self.values.items()}


def read_boxes(
    recommender: Recommender, ids: Sequence[str], size: int, progress: Callable[[], None] = lambda: None
) -> list[Box]:
    """The boxes under some articles as readers see them, by the display policy of the settings, turned on."""
    if not ids:
        return []
    policy = recommender.settings.policy.model_copy(update={"on": True})
    as_seen = recommender.with_settings(policy=policy)
    boxes = []
    for article_id, answer in zip(ids, as_seen.answers(ids, size), strict=True):
        if answer is not None:
            boxes.append(Box(article_id, tuple(item.id for item in answer.items), answer.related))
        progress()
    return boxes


def look_at(recommender: Recommender, boxes: Sequence[Box], size: int) -> Shown:
    """What boxes, of up to ``size`` items each, show."""
    view, rules = recommender.view(), recommender.settings.policy
    shown = Counter(item for box in boxes for item in box.items)
    surprise = {item: -np.log2(count / len(boxes)) for item, count in shown.items()}
    values: dict[str, dict[str, float]] = {name: {} for name in BY_BOX}
    for box in boxes:
        own, count = box.article_id, len(box.items)
        values["short"][own] = float(count < size)
        values["empty"][own] = float(box.related == 0)
        if count:
            values["fill"][own] = 1.0 - box.related / count
            values["novelty"][own] = float(np.mean([surprise[item] for item in box.items]))
            dense, repeats, days = _within(view, box, rules)
            values["duplicates"][own] = float(repeats.mean())
            if not np.isnan(days).all():
                values["age"][own] = float(np.nanmedian(days))
            if count > 1:
                values["diversity"][own] = float(1.0 - dense[np.triu_indices(count, 1)].mean())
    counts = np.zeros(max(len(view), len(shown)), np.int64)
    counts[: len(shown)] = list(shown.values())
    most = min(shown.items(), key=lambda one: (-one[1], one[0])) if shown else None
    return Shown(size, values, len(shown) / max(len(view), 1), gini(counts), most, len(view))


def gini(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """How unequally something is shared out, given how much each of n has: 0 equally, (n − 1) / n all to one; 0 of
    nothing."""
    ordered = np.sort(np.asarray(counts, float))
    total = ordered.sum()
    if not total:
        return 0.0
    places = np.arange(1, len(ordered) + 1)
    return float(2.0 * np.sum(places * ordered) / (len(ordered) * total) - (len(ordered) + 1) / len(ordered))


def _within(
    view: View, box: Box, rules: PolicySettings
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """Of the n items of a box: dense cosines (n, n), which repeat the story or an item above (n,), and by how many days
    each is older than the story (n,), NaN where a date is unknown."""
    places = [found for one in (box.article_id, *box.items) if (found := view.locate(one)) is not None]
    embeddings = to_float32(np.array([view.segments[s].embeddings[row] for s, row in places], np.float16))
    dense = embeddings @ embeddings.T
    vectors = [view.segments[s].matrix.vector(row) for s, row in places]
    copies, updates = compare(vectors, view.snapshot.lexicon.numeric, rules)
    published = np.array([view.segments[s].table.published_at[row] for s, row in places], np.float64)
    published[published == MISSING] = np.nan
    stands = np.zeros(dense.shape, np.bool_)
    stands[0] = published > published[0]  # an update that is newer than the story may stand under it
    same = (dense >= rules.duplicate_dense) & (copies | (updates & ~stands))
    repeats: NDArray[np.bool_] = np.any(np.triu(same, 1), axis=0)
    return dense[1:, 1:], repeats[1:], (published[0] - published[1:]) / DAY


def totals(shown: Shown) -> Iterable[tuple[str, str]]:
    """Name and text of what is told of all boxes together."""
    yield "coverage", f"{shown.coverage:.4f}"
    yield "gini", f"{shown.gini:.4f}"
    if shown.most is not None:
        yield "most shown", f"{shown.most[0]}, in {shown.most[1] / max(shown.boxes, 1):.1%} of the boxes"
