"""Whether boxes are honest: what is called related, held against judgements, under articles without a story as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.experiment import Rank
from recommend.evaluation.judgements import UNKNOWN, Qrels
from recommend.index.dates import MISSING, days_apart
from recommend.index.view import View
from recommend.inspection import ranking_of
from recommend.recommender import Recommender

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SIZE = 5
THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)
AGES = (("0–7 days", 7.0), ("7–30 days", 30.0), ("30–365 days", 365.0), ("over 365 days", np.inf))
_BINS = 10


@dataclass(frozen=True, slots=True)
class Threshold:
    """What calling related from a probability on would give.

    Attributes:
        least: the probability.
        items: how many a box has, on average.
        precision: the share of them that is judged related, None where there are none.
        covered: the share that has at least one, of boxes whose article has a related one by the judgements.
    """

    least: float
    items: float
    precision: float | None
    covered: float | None


@dataclass(frozen=True, slots=True)
class CalibrationStats:
    """Calibration of some items: their mean probability, the share that is judged related, and the expected calibration
    error (Naeini et al., AAAI 2015; ten bins)."""

    name: str
    items: int
    predicted: float
    related: float
    ece: float


@dataclass(frozen=True, slots=True)
class Boxes:
    """The first items of the ranking under each of some articles.

    Attributes:
        queries: how many articles.
        with_story: how many of them have a related one by the judgements.
        auc: of the probability; None where all are related, or none is.
        overall: of all items; ``ages`` by how far apart item and article were published.
        thresholds: by rising probability.
        scores: (n,) ranking scores of the items; ``predicted`` (n,) probabilities, ``related`` (n,) whether each is
            judged related.
    """

    queries: int
    with_story: int
    auc: float | None
    overall: CalibrationStats
    ages: list[CalibrationStats]
    thresholds: list[Threshold]
    scores: FloatArray
    predicted: FloatArray
    related: BoolArray

    def summary(self) -> dict[str, object]:
        """All but the items, for JSON."""
        return {
            "queries": self.queries,
            "with_story": self.with_story,
            "auc": self.auc,
            **_plain(self.overall),
            "ages": {one.name: _plain(one) for one in self.ages},
            "thresholds": [{name: getattr(one, name) for name in one.__slots__} for one in self.thresholds],
        }


def chosen_queries(which: str, ids: Sequence[str], qrels: Qrels, seed: int = 7) -> list[str]:
    """The articles that ``which`` names: ``all``, ``judged`` ones, or a number of random ones.

    Args:
        which: as written.
        ids: of all articles.
        qrels: the judgements.
        seed: of the draw.
    """
    if which == "all":
        return list(ids)
    if which == "judged":
        return [one for one in ids if one in qrels]
    drawn = np.random.default_rng(seed).permutation(len(ids))[: int(which)]
    return [ids[i] for i in sorted(drawn.tolist())]


def look_into_boxes(
    recommender: Recommender,
    qrels: Qrels,
    queries: Sequence[str],
    *,
    unknown_days: float = 0.0,
    rank: Rank | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Boxes:
    """Measures the first SIZE items of the ranking under articles, what nobody judged counting as unrelated.

    Args:
        recommender: ranks.
        qrels: the judgements; documents graded −1 are left out.
        queries: ids of articles.
        unknown_days: items published less than so many days apart are left out too, for judgements that leave them out.
        rank: stands in for the recommender's, where rankings are kept.
        progress: called after each article.
    """
    boxes: list[tuple[FloatArray, BoolArray, FloatArray, FloatArray]] = []
    stories = []
    rank = rank or partial(ranking_of, recommender)
    for query in queries:
        grades = qrels.get(query, {})
        reach = 4 * SIZE + sum(grade == UNKNOWN for grade in grades.values())
        boxes.append(_items(recommender, query, grades, rank(query, reach), unknown_days))
        stories.append(any(grade > 0 for grade in grades.values()))
        progress()
    nothing = (np.zeros(0), np.zeros(0, np.bool_), np.zeros(0), np.zeros(0))
    predicted, related, days, scores = (np.concatenate(part) for part in zip(*(boxes or [nothing]), strict=True))
    borders = [-np.inf, *(border for _, border in AGES)]
    bands = [
        calibration_stats(name, predicted[inside], related[inside])
        for (name, border), start in zip(AGES, borders, strict=False)
        if (inside := (days > start) & (days <= border)).any()
    ]
    told, true = [box[0] for box in boxes], [box[1] for box in boxes]
    thresholds = [_at(least, told, true, stories) for least in THRESHOLDS]
    return Boxes(
        len(queries),
        sum(stories),
        _auc(predicted, related),
        calibration_stats("all", predicted, related),
        bands,
        thresholds,
        scores,
        predicted,
        related,
    )


def _items(
    recommender: Recommender,
    query: str,
    grades: Mapping[str, int],
    ranked: list[tuple[str, float]],
    unknown_days: float,
) -> tuple[FloatArray, BoolArray, FloatArray, FloatArray]:
    known = [(one, score) for one, score in ranked if grades.get(one) != UNKNOWN]
    moments = np.array([_published(recommender, one) for one, _ in known], np.int64)
    days = days_apart(moments, _published(recommender, query))
    kept = [i for i in range(len(known)) if not days[i] < unknown_days][:SIZE]
    scores = np.array([known[i][1] for i in kept], np.float32)
    related = np.array([grades.get(known[i][0], 0) > 0 for i in kept], np.bool_)
    return recommender.ranking.probabilities(scores).astype(np.float64), related, days[kept], scores.astype(np.float64)


def _published(recommender: Recommender, article_id: str) -> int:
    def published(view: View) -> int:
        place = view.locate(article_id)
        return MISSING if place is None else int(view.segments[place[0]].table.published_at[place[1]])

    return recommender.over(published)


def _at(least: float, told: list[FloatArray], related: list[BoolArray], stories: list[bool]) -> Threshold:
    called = [p >= least for p in told]
    count = sum(int(one.sum()) for one in called)
    true = sum(int((one & r).sum()) for one, r in zip(called, related, strict=True))
    covered = [bool(one.any()) for one, story in zip(called, stories, strict=True) if story]
    return Threshold(
        least,
        count / max(len(told), 1),
        true / count if count else None,
        sum(covered) / len(covered) if covered else None,
    )


def calibration_stats(name: str, predicted: FloatArray, related: BoolArray) -> CalibrationStats:
    """Calibration of items (n,) with probabilities 0…1, and whether they are related."""
    if not len(predicted):
        return CalibrationStats(name, 0, 0.0, 0.0, 0.0)
    places = np.minimum((predicted * _BINS).astype(np.int64), _BINS - 1)
    error = 0.0
    for place in np.unique(places):
        inside = places == place
        error += float(abs(predicted[inside].mean() - related[inside].mean()) * inside.mean())
    return CalibrationStats(name, len(predicted), float(predicted.mean()), float(related.mean()), error)


def _auc(predicted: FloatArray, related: BoolArray) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(related, predicted)) if 0 < related.sum() < len(related) else None


def _plain(stats: CalibrationStats) -> dict[str, float | int]:
    return {"items": stats.items, "predicted": stats.predicted, "related": stats.related, "ece": stats.ece}
