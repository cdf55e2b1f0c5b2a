"""An evaluation: judged queries ranked through the production path, and all that is told of the rankings and boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recommend.arrays import to_float32
from recommend.articles.article import Article
from recommend.evaluation.boxes import SIZE, Boxes, chosen_queries, look_into_boxes
from recommend.evaluation.clusters import AUTO, Clusters, cluster_queries
from recommend.evaluation.experiment import DEPTH, answerable, rank_queries, reach, scratch
from recommend.evaluation.facets import Facets, Segment, facets_of, segments
from recommend.evaluation.intervals import Interval, interval
from recommend.evaluation.judgements import Qrels, Run
from recommend.evaluation.kept import Rankings
from recommend.evaluation.metrics import MEASURES, READ_BY, per_query
from recommend.evaluation.plots import Plot, forest, segment_rows
from recommend.evaluation.provenance import Provenance, provenance
from recommend.evaluation.shown import Shown, look_at
from recommend.evaluation.tables import to_pandas
from recommend.recommender import Recommender
from recommend.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, float, float | None], None]
"""Told of work: what it is, how much was done since, and how much there is, where that is known."""


def _silent(_stage: str, _done: float, _total: float | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that rankings of full depth took, of half of them and of 95 in a hundred at most."""

    median: float
    p95: float
    rankings: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of judged queries under some settings.

    Attributes:
        provenance: what decided the rankings.
        qrels: the judgements.
        run: the rankings by query; queries that are not among the articles have none.
        values: by measure and query, all judged ones; those without a ranking have 0.
        answerable: queries with a related document that may be ranked: all figures are over these.
        clusters: of the judged queries.
        facets: of the judged queries.
        titles: of those among the articles.
        boxes: whether what is called related is.
        shown: what boxes show as readers see them.
        latency: None where nothing was ranked.
    """

    provenance: Provenance
    qrels: Qrels
    run: Run
    values: dict[str, dict[str, float]]
    answerable: list[str]
    clusters: Clusters
    facets: dict[str, Facets]
    titles: dict[str, str]
    boxes: Boxes
    shown: Shown
    latency: Latency | None

    @property
    def missing(self) -> int:
        """Judged queries that are not among the articles."""
        return len(self.qrels) - len(self.run)

    @property
    def read_by(self) -> str:
        """The measure by which people read queries and segments."""
        return READ_BY if READ_BY in self.values else next(iter(self.values))

    @property
    def measures(self) -> dict[str, Interval]:
        """Means over answerable queries, by measure."""
        labels = self.clusters.of(self.answerable)
        return {name: interval([found[q] for q in self.answerable], labels) for name, found in self.values.items()}

    def segments(self, measure: str | None = None) -> list[Segment]:
        """The mean of a measure, by default the one that is read, by section, language, site, length and age."""
        return segments(self.values[measure or self.read_by], self.facets, self.answerable, self.clusters)

    def summary(self) -> dict[str, Any]:
        """All but single queries, for JSON."""
        return {
            "queries": len(self.qrels),
            "answerable": len(self.answerable),
            "unanswerable": len(self.qrels) - len(self.answerable),
            "missing": self.missing,
            "clusters": {"by": self.clusters.by, "count": self.clusters.count(self.answerable)},
            "measures": {name: asdict(found) for name, found in self.measures.items()},
            "segments": [asdict(one) for one in self.segments()],
            "boxes": self.boxes.summary(),
            "shown": {
                "boxes": self.shown.boxes,
                "size": self.shown.size,
                **{name: asdict(found) for name, found in self.shown.means.items()},
                "coverage": self.shown.coverage,
                "gini": self.shown.gini,
                "most": self.shown.most,
            },
            "latency": None if self.latency is None else asdict(self.latency),
            "provenance": asdict(self.provenance),
        }

    def to_arrow(self) -> pa.Table:
        """A row for each judged query: its title, whether it is answerable and ranked, its cluster and facets, every
        measure, and every figure of its box, null where nobody looked into it."""
        queries = list(self.qrels)
        fit, labels = set(self.answerable), self.clusters.of(queries) or queries
        facets = {name: None for query in queries for name in self.facets.get(query, {})}
        columns: dict[str, list[Any]] = {
            "query": queries,
            "title": [self.titles.get(query) for query in queries],
            "answerable": [query in fit for query in queries],
            "ranked": [query in self.run for query in queries],
            "cluster": list(labels),
            **{name: [self.facets.get(query, {}).get(name) for query in queries] for name in facets},
            **{name: [found[query] for query in queries] for name, found in self.values.items()},
            **{f"box_{name}": [found.get(q) for q in queries] for name, found in self.shown.values.items()},
        }
        floats = {*self.values, *(f"box_{name}" for name in self.shown.values)}
        return pa.table({n: pa.array(v, pa.float64()) if n in floats else pa.array(v) for n, v in columns.items()})

    def plot(self, measure: str | None = None) -> Plot:
        """The mean of a measure, by default the one that is read, by segment."""
        return Plot(forest(segment_rows(self.segments(measure)), title=f"{measure or self.read_by} by segment"))

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame."""
        return to_pandas(self.to_arrow())


def measure(
    recommender: Recommender,
    qrels: Qrels,
    *,
    measures: Sequence[str] = MEASURES,
    cluster_by: str = AUTO,
    queries: str = "1000",
    unknown_days: float = 0.0,
    data: Mapping[str, str] | None = None,
    folder: Path | None = None,
    progress: Progress = _silent,
) -> Evaluation:
    """Ranks judged queries and measures the rankings, and looks into the boxes of some articles.

    Args:
        recommender: ranks; its view must not change.
        qrels: the judgements.
        measures: as ir_measures writes them.
        cluster_by: see :func:`~recommend.evaluation.clusters.cluster_queries`.
        queries: whose boxes are looked into, see :func:`~recommend.evaluation.boxes.chosen_queries`.
        unknown_days: see :func:`~recommend.evaluation.boxes.look_into_boxes`.
        data: SHA-256 of the files that were read, by name.
        folder: keeps rankings by what decides them; None keeps none.
        progress: told of the work.

    Raises:
        EvaluationError: when none of the queries is among the articles, for an unknown measure or field.
    """
    look = recommender.store.get
    clusters = cluster_queries(cluster_by, qrels, list(qrels), look=look, embed=partial(_embedding, recommender))
    per_query({}, {}, measures)
    rankings = Rankings(recommender, folder)
    run = rank_queries(
        recommender, qrels, rank=rankings.rank, progress=lambda: progress("ranking", 1, float(len(qrels)))
    )
    asked = chosen_queries(queries, sorted(recommender.view().ids()), qrels)
    boxes = look_into_boxes(
        recommender,
        qrels,
        asked,
        unknown_days=unknown_days,
        rank=rankings.rank,
        progress=lambda: progress("looking into boxes", 1, float(len(asked))),
    )
    shown = rankings.boxes(asked, SIZE, lambda: progress("filling boxes", 1, float(len(asked))))
    rankings.save()
    newest = max((a.published_at for q in qrels if (a := look(q)) is not None and a.published_at), default=None)
    articles = {query: look(query) for query in qrels}
    took = [rankings.milliseconds[q, reach(qrels[q], DEPTH)] for q in run]
    return Evaluation(
        provenance(recommender, data),
        qrels,
        run,
        per_query(qrels, run, measures),
        answerable(recommender, qrels),
        clusters,
        {query: facets_of(article, newest) for query, article in articles.items()},
        {query: article.title for query, article in articles.items() if article is not None},
        boxes,
        look_at(recommender, shown, SIZE),
        Latency(float(np.median(took)), float(np.percentile(took, 95)), len(took)) if took else None,
    )


def measure_arms(
    articles: Callable[[], Iterable[Article]],
    qrels: Qrels,
    arms: Mapping[str, Settings],
    *,
    folder: Path | None = None,
    progress: Progress = _silent,
    **options: Any,
) -> dict[str, Evaluation]:
    """What came of judged queries under each of some settings, by name: articles are embedded once for each encoder,
    and indexed once for each way to.

    Args:
        articles: gives all there are, as often as it is called.
        qrels: the judgements.
        arms: settings by name.
        folder: keeps store, index and rankings; None keeps nothing.
        progress: told of the work.
        options: of :func:`measure`.
    """
    evaluations: dict[str, Evaluation] = {}
    with TemporaryDirectory(prefix="recommend-") as temporary:
        root = folder or Path(temporary)
        for _, group in groupby(sorted(arms.items(), key=_built_from), key=_built_from):
            alike = list(group)
            with scratch(
                articles(), alike[0][1], folder=root, progress=lambda batch: progress("embedding", batch.total, None)
            ) as opened:
                for name, settings in alike:
                    arm = opened.with_settings(ranking=settings.ranking, policy=settings.policy)
                    stage = partial(_within, progress, name)
                    evaluations[name] = measure(arm, qrels, folder=root / "rankings", progress=stage, **options)
    return {name: evaluations[name] for name in arms}


def _within(progress: Progress, name: str, stage: str, done: float, total: float | None) -> None:
    progress(f"{name}: {stage}", done, total)


def _built_from(arm: tuple[str, Settings]) -> str:
    return arm[1].encoder.model_dump_json() + arm[1].indexing.model_dump_json()


def _embedding(recommender: Recommender, article_id: str) -> Any:
    view = recommender.view()
    place = view.locate(article_id)
    return None if place is None else to_float32(view.segments[place[0]].embeddings[place[1]])
