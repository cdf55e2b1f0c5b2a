"""What the commands that judge do, as functions with plain arguments: three lines in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend.evaluation.clusters import AUTO, cluster_queries
from recommend.evaluation.evaluation import Evaluation, measure, measure_arms
from recommend.evaluation.experiment import scratch as scratch_recommender
from recommend.evaluation.facets import facets_of
from recommend.evaluation.grid import arms
from recommend.evaluation.judgements import Qrels, Run, read_qrels, read_run
from recommend.evaluation.metrics import MEASURES
from recommend.evaluation.paired import Comparison, Missing, compare_runs
from recommend.evaluation.plots import Plot
from recommend.evaluation.provenance import read_notes
from recommend.evaluation.tables import to_pandas
from recommend.files import file_sha256
from recommend.settings import Settings
from recommend.sources import read

if TYPE_CHECKING:
    import pandas as pd

Articles = str | Path | Iterable[Article]
"""A location that ``recommend ingest`` reads, or articles."""
Judgements = str | Path | Qrels
"""A TREC file, or grades by query and document."""


def evaluate(
    articles: Articles,
    qrels: Judgements,
    *,
    settings: Settings | None = None,
    set: Sequence[str] = (),
    measures: Sequence[str] = MEASURES,
    cluster_by: str = AUTO,
    queries: str = "1000",
    scratch: str | Path | None = None,
) -> Evaluation:
    """What ``recommend evaluate`` does: ranks judged queries through the production path and measures the rankings.

    Args:
        articles: a location that ``recommend ingest`` reads, or articles.
        qrels: a TREC file, or grades by query and document.
        settings: None: the defaults and what the environment says, the display policy off.
        set: assignments, as ``--set`` takes them; only without ``settings``.
        measures: as ir_measures writes them.
        cluster_by: which queries depend on each other, see :mod:`recommend.evaluation.clusters`.
        queries: whose boxes are looked into: ``all``, ``judged`` or a number.
        scratch: a folder that keeps embeddings, index and rankings for the next time.

    Raises:
        RecommendError: when something given cannot be used.
    """
    folder = None if scratch is None else Path(scratch)
    with ExitStack() as stack:
        recommender = stack.enter_context(
            scratch_recommender(_articles(articles), settings or _settings(set), folder=folder)
        )
        return measure(
            recommender,
            _qrels(qrels),
            measures=measures,
            cluster_by=cluster_by,
            queries=queries,
            data=_digests(articles, qrels),
            folder=None if folder is None else folder / "rankings",
        )


def compare(
    runs: Mapping[str, str | Path | Run | Evaluation],
    qrels: Judgements,
    *,
    articles: Articles | None = None,
    measures: Sequence[str] = MEASURES,
    cluster_by: str = AUTO,
    missing: Missing = "refuse",
) -> Comparison:
    """What ``recommend compare`` does: holds runs by name against the first of them.

    Args:
        runs: TREC files, rankings, or evaluations.
        qrels: a TREC file, or grades by query and document.
        articles: for segments, and clusters that are a field.
        measures: as ir_measures writes them.
        cluster_by: which queries depend on each other.
        missing: what is done about queries that one run ranks and another does not: ``refuse``, ``zero`` or ``skip``.

    Raises:
        EvaluationError: when they cannot be compared.
    """
    judged = _qrels(qrels)
    known = {} if articles is None else {article.id: article for article in _articles(articles)}
    newest = max((a.published_at for a in known.values() if a.published_at is not None), default=None)
    look = None if articles is None else known.get
    return compare_runs(
        judged,
        {name: _run(run) for name, run in runs.items()},
        measures,
        clusters=cluster_queries(cluster_by, judged, list(judged), look=look),
        facets={query: facets_of(known[query], newest) for query in judged if query in known},
        missing=missing,
    )


@dataclass(frozen=True, slots=True)
class Ablation:
    """What settings are worth: an evaluation of every arm by name, and all held against the first."""

    evaluations: dict[str, Evaluation]
    comparison: Comparison

    def to_arrow(self) -> pa.Table:
        """See :meth:`Comparison.to_arrow`."""
        return self.comparison.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame."""
        return to_pandas(self.to_arrow())

    def plot(self) -> Plot:
        """The differences as a picture."""
        return self.comparison.plot()


def ablate(
    articles: Articles,
    qrels: Judgements,
    vary: Mapping[str, Sequence[object]],
    *,
    each: bool = False,
    set: Sequence[str] = (),
    measures: Sequence[str] = MEASURES,
    cluster_by: str = AUTO,
    queries: str = "200",
    scratch: str | Path | None = None,
) -> Ablation:
    """What ``recommend ablate`` does: measures every combination of some settings, and holds each against the settings
    as they are.

    Args:
        articles, qrels, set, measures, cluster_by, queries, scratch: as of :func:`evaluate`.
        vary: values by setting; one that is a list is a sequence itself.
        each: change one setting at a time instead of combining all.

    Raises:
        RecommendError: when something given cannot be used.
    """
    listed, judged = list(_articles(articles)), _qrels(qrels)
    grid = {name: [_written(value) for value in values] for name, values in vary.items()}
    settings = {name: _settings([*set, *own]) for name, own in arms(grid, each=each).items()}
    evaluations = measure_arms(
        lambda: listed,
        judged,
        settings,
        folder=None if scratch is None else Path(scratch),
        measures=measures,
        cluster_by=cluster_by,
        queries=queries,
        data=_digests(articles, qrels),
    )
    first = next(iter(evaluations.values()))
    runs = {name: one.run for name, one in evaluations.items()}
    compared = compare_runs(judged, runs, measures, clusters=first.clusters, facets=first.facets, missing="zero")
    return Ablation(evaluations, compared)


def _settings(assignments: Sequence[str]) -> Settings:
    return load_settings(None, ["policy=off", *assignments], {})


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _articles(given: Articles) -> Iterable[Article]:
    if isinstance(given, str | Path):
        return (row for row in read(str(given)) if isinstance(row, Article))
    return given


def _qrels(given: Judgements) -> Qrels:
    return read_qrels(Path(given)) if isinstance(given, str | Path) else given


def _run(given: str | Path | Run | Evaluation) -> Run:
    if isinstance(given, Evaluation):
        return given.run
    if isinstance(given, str | Path):
        return read_run(Path(given), (read_notes(Path(given)) or {}).get("empty", ()))
    return given


def _digests(*given: object) -> dict[str, str]:
    paths = [Path(one) for one in given if isinstance(one, str | Path)]
    return {path.name: file_sha256(path) for path in paths if path.is_file()}
