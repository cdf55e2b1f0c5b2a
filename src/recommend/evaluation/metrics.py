"""Measures of a ranking, per query first, with intervals over queries. The measures are ir_measures'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
from numpy.typing import NDArray

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.judgements import UNKNOWN, Qrels, Run, strictly_falling

MEASURES = ("nDCG@5", "nDCG@10", "R@10", "RR")
READ_BY = "nDCG@10"  # what queries are sorted by for people to read
_RESAMPLES = 2_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def per_query(qrels: Qrels, run: Run, measures: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Values by measure and query; a query of the judgements that the run lacks counts as zero.

    Documents graded −1 (unknown) are dropped from a query's ranking first. nDCG has linear gains, as trec_eval's.

    Raises:
        EvaluationError: for a name that is no measure.
    """
    try:
        parsed = {name: ir_measures.parse_measure(name) for name in measures}
    except (NameError, ValueError, SyntaxError):
        raise EvaluationError(
            f"one of {truncated_repr(list(measures))} is no measure; write nDCG@10, R@10, RR, AP …"
        ) from None
    judged = [
        ir_measures.Qrel(query, document, grade)
        for query, grades in qrels.items()
        for document, grade in grades.items()
        if grade != UNKNOWN
    ]
    ranked = [
        ir_measures.ScoredDoc(query, document, score)
        for query, documents in run.items()
        for document, score in strictly_falling(without_unknown(documents, qrels.get(query, {})))
    ]
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in measures}
    names = {measure: name for name, measure in parsed.items()}
    for metric in ir_measures.iter_calc(list(parsed.values()), judged, ranked):
        values[names[metric.measure]][metric.query_id] = metric.value
    return values


def without_unknown(documents: list[tuple[str, float]], grades: Mapping[str, int]) -> list[tuple[str, float]]:
    """A query's ranking without the documents whose relatedness nobody knows."""
    return [item for item in documents if grades.get(item[0]) != UNKNOWN]


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % percentile bootstrap interval (Efron, 1979) over the queries' values."""
    sample = np.asarray(values, float)
    if len(sample) < 2 or np.ptp(sample) == 0:
        return Interval(float(sample.mean()), float(sample.mean()), float(sample.mean()))
    low, high = _bootstrap(sample)
    return Interval(float(sample.mean()), low, high)


@dataclass(frozen=True, slots=True)
class Difference:
    """How run B differs from run A on one measure.

    Attributes:
        difference: mean of B − A over queries, with its 95 % bootstrap interval.
        p_value: of a two-sided paired randomisation test (Smucker et al., CIKM 2007).
        better, worse: queries on which B is above and below A.
    """

    difference: Interval
    p_value: float
    better: int
    worse: int


def compare(values_a: Mapping[str, float], values_b: Mapping[str, float]) -> Difference:
    """The paired comparison of two runs on the same queries."""
    from scipy import stats  # half a second and 30 MB, which only those who judge shall pay

    differences = np.array([values_b[query] - values_a[query] for query in values_a])
    if not differences.any():
        return Difference(Interval(0.0, 0.0, 0.0), 1.0, 0, 0)
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(_SEED),
    )
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    return Difference(interval(differences.tolist()), float(test.pvalue), better, worse)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, in their order, as the step-down correction for testing all of them raises them (Holm, 1979)."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted


@dataclass(frozen=True, slots=True)
class Change:
    """One query's values under two runs."""

    query: str
    a: float
    b: float


def most_changed(
    values_a: Mapping[str, float], values_b: Mapping[str, float], count: int = 10
) -> tuple[list[Change], list[Change]]:
    """The up to ``count`` queries that run B serves better than A, and those that it serves worse, the greatest
    difference first, ties by query; a query without a difference is in neither."""
    changes = [Change(query, values_a[query], values_b[query]) for query in sorted(values_a)]
    better = sorted((one for one in changes if one.b > one.a), key=lambda one: one.a - one.b)
    worse = sorted((one for one in changes if one.b < one.a), key=lambda one: one.b - one.a)
    return better[:count], worse[:count]


def _bootstrap(sample: NDArray[np.float64]) -> tuple[float, float]:
    from scipy import stats

    interval = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=_RESAMPLES,
        method="percentile",
        vectorized=True,
        batch=200,
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(interval.low), float(interval.high)
