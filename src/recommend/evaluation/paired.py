"""Two and more runs beside each other: what differs, how surely, where, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.clusters import QUERIES, Clusters
from recommend.evaluation.differences import Change, Difference, compare, holm, most_changed
from recommend.evaluation.facets import Facets, grouped
from recommend.evaluation.intervals import Interval, interval
from recommend.evaluation.judgements import Qrels, Run, answerable_queries
from recommend.evaluation.metrics import MEASURES, READ_BY, per_query
from recommend.evaluation.plots import Plot, Row, forest
from recommend.evaluation.tables import to_pandas

if TYPE_CHECKING:
    import pandas as pd

Missing = Literal["refuse", "zero", "skip"]
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Matched:
    """The queries on which runs can be compared.

    Attributes:
        queries: judged, answerable, and ranked.
        unanswerable: judged queries without a related document, left out.
        unranked: answerable queries that no run ranks, left out.
        notes: what else does not match, a sentence each.
    """

    queries: list[str]
    unanswerable: int
    unranked: int
    notes: list[str]


def match_runs(qrels: Qrels, runs: Mapping[str, Run], *, missing: Missing = "refuse") -> Matched:
    """The queries on which runs by name can be compared.

    Args:
        qrels: the judgements.
        runs: by name.
        missing: what is done about queries that one run ranks and another does not: ``zero`` counts them as zero,
            ``skip`` leaves them out.

    Raises:
        EvaluationError: for a run without any judged query, and by ``missing`` for one that lacks some of another's.
    """
    answerable = answerable_queries(qrels)
    if not answerable:
        raise EvaluationError("the judgements call nothing related: no ranking can be told from another")
    ranked = {name: run.keys() & answerable for name, run in runs.items()}
    notes = []
    for name, found in ranked.items():
        if not found:
            own, judged = next(iter(runs[name]), ""), answerable[0]
            raise EvaluationError(
                f"{name} ranks none of the {len(answerable):,} answerable queries (it has {truncated_repr(own)}, the "
                f"judgements {truncated_repr(judged)}): check that they belong together"
            )
        if strangers := len(runs[name].keys() - qrels.keys()):
            notes.append(f"{name} ranks {strangers:,} queries that nobody judged; they are left out")
    any_run, all_runs = set.union(*ranked.values()), set.intersection(*ranked.values())
    lacking = {name: any_run - found for name, found in ranked.items() if any_run - found}
    if lacking and missing == "refuse":
        absences = "; ".join(
            f"{name} lacks {len(some):,} of {len(any_run):,} queries, as {truncated_repr(min(some))}"
            for name, some in lacking.items()
        )
        raise EvaluationError(f"{absences}: --missing zero counts them as zero, --missing skip leaves them out")
    for name, some in lacking.items():
        done = "count as zero" if missing == "zero" else "are left out"
        notes.append(f"{name} lacks {len(some):,} of {len(any_run):,} queries, which {done}")
    kept = any_run if missing == "zero" else all_runs
    queries = [query for query in answerable if query in kept]
    if not queries:
        raise EvaluationError("the runs have no answerable query in common")
    depths = {name: median(len(runs[name][q]) for q in found) for name, found in ranked.items()}
    if max(depths.values()) > 2 * min(depths.values()):
        typical = ", ".join(f"{name} {depth:.0f}" for name, depth in depths.items())
        notes.append(
            f"the runs are of different depth ({typical} documents a query): compare measures cut off above that"
        )
    unranked = len(answerable) - len(any_run)
    return Matched(queries, len(qrels) - len(answerable), unranked, notes)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One run against the first.

    Attributes:
        name: of the run.
        differences: run − first, by measure.
        corrected: p-values by measure, corrected for all measures and runs that were tested (Holm, 1979).
        better, worse: queries that changed most by the measure that is read.
        segments: the difference on that measure within each segment.
    """

    name: str
    differences: dict[str, Difference]
    corrected: dict[str, float]
    better: list[Change]
    worse: list[Change]
    segments: list[SegmentDifference] = field(default_factory=list)

    def verdict(self, measure: str, first: str, by: str) -> str:
        """What to make of it, in a sentence."""
        found, p = self.differences[measure], self.corrected[measure]
        mean = found.difference
        if not found.better and not found.worse:
            return f"{self.name} serves every query as {first} does, by {measure}."
        beyond = p < ALPHA and (mean.low > 0.0 or mean.high < 0.0 or not mean.is_known)
        word = ("better" if mean.mean > 0 else "worse") if beyond else "not told apart from chance"
        span = f", 95 % {mean.low:+.4f} … {mean.high:+.4f}" if mean.is_known else ""
        clusters = "" if by == QUERIES else f", by {by}"
        summary = f"{mean.mean:+.4f} {measure}{span}, p = {p:.4f} corrected for all tests{clusters}"
        return (
            f"{self.name} is {word} than {first} ({summary})."
            if beyond
            else f"{self.name} and {first} are {word} ({summary})."
        )


@dataclass(frozen=True, slots=True)
class SegmentDifference:
    """The difference within the queries that have one value of a facet."""

    facet: str
    value: str
    queries: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs on the same queries; the first is what the others are held against.

    Attributes:
        matched: the queries, and what did not match.
        values: by run, measure and query.
        read_by: the measure for changes, segments and verdicts.
        clusters: of the queries.
        contrasts: of each run but the first.
    """

    matched: Matched
    values: dict[str, dict[str, dict[str, float]]]
    read_by: str
    clusters: Clusters
    contrasts: list[Contrast]

    @property
    def first(self) -> str:
        """The name of the run that the others are held against."""
        return next(iter(self.values))

    @property
    def means(self) -> dict[str, dict[str, Interval]]:
        """By run and measure."""
        queries = self.matched.queries
        labels = self.clusters.of(queries)
        return {
            name: {measure: interval([found[q] for q in queries], labels) for measure, found in measures.items()}
            for name, measures in self.values.items()
        }

    def verdicts(self) -> list[str]:
        """A sentence on each run but the first."""
        return [one.verdict(self.read_by, self.first, self.clusters.by) for one in self.contrasts]

    def to_arrow(self) -> pa.Table:
        """A row for each run and measure: its mean, and for all but the first run the difference with its interval, the
        effect, the p-value as it is and corrected, and how many queries are better and worse."""
        contrasts, means = {one.name: one for one in self.contrasts}, self.means
        rows: list[dict[str, Any]] = []
        for name, measures in self.values.items():
            for measure in measures:
                row: dict[str, Any] = {"run": name, "measure": measure, "mean": means[name][measure].mean}
                if name in contrasts:
                    difference = contrasts[name].differences[measure]
                    row |= {
                        "difference": difference.difference.mean,
                        "low": difference.difference.low,
                        "high": difference.difference.high,
                        "effect": difference.effect,
                        "p_value": difference.p_value,
                        "p_holm": contrasts[name].corrected[measure],
                        "better": difference.better,
                        "worse": difference.worse,
                    }
                rows.append(row)
        return pa.Table.from_pylist(rows, _TABLE)

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame."""
        return to_pandas(self.to_arrow())

    def plot(self) -> Plot:
        """Each run's difference from the first, on the measure that is read."""
        rows = [
            Row(one.name, one.differences[self.read_by].difference, f"p {one.corrected[self.read_by]:.3f}")
            for one in self.contrasts
        ]
        mean = self.means[self.first][self.read_by].mean
        title = f"{self.read_by} against {self.first} ({mean:.4f})"
        return Plot(forest(rows, zero=True, digits=4, title=title))

    def fails(self, least: float) -> list[str]:
        """Names of runs whose difference on the measure that is read may lie below ``least``, as far as its interval
        tells: runs that are not shown to be as good as that."""
        return [one.name for one in self.contrasts if not one.differences[self.read_by].difference.low >= least]


_TABLE = pa.schema(
    [
        ("run", pa.string()), ("measure", pa.string()),
        *((name, pa.float64()) for name in ("mean", "difference", "low", "high", "effect", "p_value", "p_holm")),
        ("better", pa.int64()), ("worse", pa.int64()),
    ]
)  # fmt: skip


def compare_runs(
    qrels: Qrels,
    runs: Mapping[str, Run],
    measures: Sequence[str] = MEASURES,
    *,
    clusters: Clusters | None = None,
    facets: Mapping[str, Facets] | None = None,
    missing: Missing = "refuse",
    changed: int = 10,
) -> Comparison:
    """Runs by name, held against the first of them.

    Args:
        qrels: the judgements.
        runs: two or more.
        measures: as ir_measures writes them.
        clusters: of the queries; None: all are independent.
        facets: of the queries, for segments.
        missing: see :func:`match_runs`.
        changed: how many of the queries that changed most are told.

    Raises:
        EvaluationError: when they cannot be compared.
    """
    if len(runs) < 2:
        raise EvaluationError("one run has nothing to be compared with; give two or more")
    matched = match_runs(qrels, runs, missing=missing)
    clusters = clusters or Clusters(QUERIES, None)
    judged = {query: qrels[query] for query in matched.queries}
    values = {name: per_query(judged, run, measures) for name, run in runs.items()}
    read_by = READ_BY if READ_BY in measures else measures[0]
    first, *others = values
    labels = None if clusters.labels is None else {query: clusters.labels[query] for query in judged}
    differences_by_run = {
        name: {measure: compare(values[first][measure], values[name][measure], labels) for measure in values[first]}
        for name in others
    }
    corrected = iter(holm([one.p_value for differences in differences_by_run.values() for one in differences.values()]))
    contrasts = []
    for name, differences in differences_by_run.items():
        better, worse = most_changed(values[first][read_by], values[name][read_by], changed)
        segments = [
            SegmentDifference(facet, value, len(queries), _within(values, first, name, read_by, queries, labels))
            for facet, value, queries in grouped(facets or {}, matched.queries)
        ]
        p_values = {measure: next(corrected) for measure in differences}
        contrasts.append(Contrast(name, differences, p_values, better, worse, segments))
    return Comparison(matched, values, read_by, clusters, contrasts)


def _within(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
    first: str,
    name: str,
    measure: str,
    queries: Sequence[str],
    labels: Mapping[str, str] | None,
) -> Difference:
    a, b = ({query: values[run][measure][query] for query in queries} for run in (first, name))
    return compare(a, b, labels)
