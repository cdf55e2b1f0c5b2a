"""One page on an evaluation, for people who judge relevance: what was measured, and the queries to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from recommend.articles.card import Card
from recommend.evaluation.evaluation import Evaluation
from recommend.evaluation.experiment import explain_query
from recommend.evaluation.judgements import Run
from recommend.evaluation.plots import Row, forest, histogram, reliability, segment_rows
from recommend.evaluation.provenance import GROUPS
from recommend.evaluation.shown import BY_BOX
from recommend.evaluation.templates import inline, page_begins, page_of
from recommend.files import Kind
from recommend.inspection import candidates_of
from recommend.ranking.answer import Answer, Recommendation
from recommend.recommender import Recommender
from recommend.settings import Settings

SHOWN = 10
_BINS = 10
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Ranked:
    """An article that was ranked, and its grade, None when nobody judged it."""

    item: Recommendation
    grade: int | None

    @property
    def features(self) -> list[tuple[str, float | None, float]]:
        """Name, value and what it adds to the score of every feature that adds something that shows, the strongest
        first."""
        parts = [(name, part["value"], part["adds"] or 0.0) for name, part in (self.item.explanation or {}).items()]
        return sorted((part for part in parts if abs(part[2]) >= _LEAST), key=lambda part: -abs(part[2]))


@dataclass(frozen=True, slots=True)
class Missed:
    """A related article that is not among those shown: ``card`` is None when there is no such article, ``place`` says
    in words where the ranking left it."""

    id: str
    grade: int
    card: Card | None
    place: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A query as a person reads it.

    Attributes:
        card: of the query article.
        value: its nDCG@10.
        ranking: the first SHOWN, unknown documents left out.
        missed: related articles that are not among them, the highest grades first.
    """

    card: Card
    value: float
    ranking: list[Ranked]
    missed: list[Missed]

    @property
    def verdict(self) -> str:
        """How many of the related articles are among those shown."""
        found = sum((one.grade or 0) > 0 for one in self.ranking)
        related = found + len(self.missed)
        return f"{found} of {related} related found" if related else "nothing is judged related"


@dataclass(frozen=True, slots=True)
class Bin:
    """Documents whose predicted probability lies from ``low`` to ``high``: the mean prediction, and the share judged
    related; both None where there are no documents."""

    low: float
    high: float
    documents: int
    predicted: float | None
    related: float | None


def calibration_bins(predicted: NDArray[np.floating], related: NDArray[np.bool_], count: int = _BINS) -> list[Bin]:
    """Predictions (n,) of 0…1 against whether the documents are related (n,), in bins of equal width."""
    places = np.minimum((predicted * count).astype(np.int64), count - 1)
    bins = []
    for place in range(count):
        inside = places == place
        means = (float(predicted[inside].mean()), float(related[inside].mean())) if inside.any() else (None, None)
        bins.append(Bin(place / count, (place + 1) / count, int(inside.sum()), *means))
    return bins


def extremes(values: Mapping[str, float], ranked: Run, worst: int, best: int) -> tuple[list[str], list[str]]:
    """The ``worst`` queries that have a ranking, and the ``best`` of the others, ties by id."""
    lowest = sorted(ranked, key=lambda query: (values[query], query))[:worst]
    others = ranked.keys() - set(lowest)
    return lowest, sorted(others, key=lambda query: (-values[query], query))[:best]


def reading(recommender: Recommender, query: str, grades: Mapping[str, int], value: float) -> Reading:
    """What a person needs to see why a query's ranking is as good as it is.

    Raises:
        UnknownArticleError: when the query is not among the articles.
    """
    answer = explain_query(recommender, query, grades)
    shown = [Ranked(item, grades.get(item.id)) for item in answer.items[:SHOWN]]
    seen = {one.item.id for one in shown}
    related = sorted((-grade, document) for document, grade in grades.items() if grade > 0 and document not in seen)
    candidates = candidates_of(recommender, query)[0] if related else []
    missed = [
        Missed(document, -negative, _card(recommender, document), _place(recommender, document, answer, candidates))
        for negative, document in related
    ]
    card = _card(recommender, query)
    assert card is not None  # explain_query found it
    return Reading(card, value, shown, missed)


def render_report(
    recommender: Recommender,
    found: Evaluation,
    *,
    worst: int = 50,
    best: int = 10,
    progress: Callable[[], None] = lambda: None,
) -> str:
    """An evaluation as one HTML page that needs no other file.

    Args:
        recommender: that ranked.
        found: the evaluation.
        worst, best: how many answerable queries to show of either end.
        progress: called after each query that is shown.
    """
    by_query = {query: found.values[found.read_by][query] for query in found.answerable}

    def read(query: str) -> Reading:
        query_reading = reading(recommender, query, found.qrels[query], by_query[query])
        progress()
        return query_reading

    lowest, highest = extremes(by_query, {q: found.run[q] for q in found.answerable if q in found.run}, worst, best)
    counts, _ = np.histogram(np.clip(list(by_query.values()), 0.0, 1.0), bins=_BINS, range=(0.0, 1.0))
    bins = calibration_bins(found.boxes.predicted, found.boxes.related)
    most = found.shown.most
    card = None if most is None else _card(recommender, most[0])
    return page_of("report.html").render(
        found=found,
        articles=len(recommender),
        settings=changed_settings(recommender.settings),
        queries=len(found.qrels),
        unanswerable=len(found.qrels) - len(found.answerable),
        judgements=sum(map(len, found.qrels.values())),
        unknown=sum(grade < 0 for grades in found.qrels.values() for grade in grades.values()),
        measures=found.measures,
        segments=_drawn(segment_rows(found.segments())),
        histogram=inline(histogram(counts.tolist(), title=f"queries by {found.read_by}")),
        reliability=inline(reliability(_points(bins), title="reliability")),
        bins=bins,
        boxes=found.boxes,
        by_box=BY_BOX,
        most_shown=card.title if card is not None else most and most[0],
        worst=[read(query) for query in lowest],
        best=[read(query) for query in highest],
    )


def _drawn(rows: list[Row]) -> Markup | None:
    return inline(forest(rows, title="by segment")) if rows else None


def _points(bins: list[Bin]) -> list[tuple[float, float, int]]:
    return [(b.predicted, b.related, b.documents) for b in bins if b.predicted is not None and b.related is not None]


def changed_settings(settings: Settings) -> list[tuple[str, str, bool]]:
    """Name and value of every setting that rankings depend on, and whether it differs from its default."""
    changed = []
    for group in GROUPS:
        given = getattr(settings, group)
        for name, value in given:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            changed.append((f"{group}.{name}", shown or "none", value != getattr(type(given)(), name)))
    return changed


REPORT = Kind("a relevance report", lambda path: page_begins(path, "Relevance report"))


def _card(recommender: Recommender, article_id: str) -> Card | None:
    view = recommender.view()
    place = view.locate(article_id)
    return None if place is None else view.segments[place[0]].table.card(place[1])


def _place(recommender: Recommender, document: str, answer: Answer, candidates: Sequence[str]) -> str:
    for rank, item in enumerate(answer.items, start=1):
        if item.id == document:
            return f"ranked {rank}"
    if document in candidates:
        reasons = {miss.id: miss.why for miss in answer.near_misses or []} if recommender.settings.policy.on else {}
        why = reasons.get(document, f"not among the {len(answer.items)} that were ranked")
        return f"candidate {candidates.index(document) + 1}, {why}"
    return "not among the candidates" if recommender.view().locate(document) else "not among the articles"
