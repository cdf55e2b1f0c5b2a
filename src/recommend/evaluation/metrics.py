"""Measures of a ranking by query, as ir_measures writes and computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ir_measures

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.judgements import UNKNOWN, Qrels, Run, strictly_falling

MEASURES = ("nDCG@5", "nDCG@10", "R@10", "RR")
READ_BY = "nDCG@10"  # what queries are sorted by for people to read


def per_query(qrels: Qrels, run: Run, measures: Sequence[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Values by measure and query; a query of the judgements that the run lacks counts as zero.

    Documents graded −1 (unknown) are dropped from a query's ranking first. nDCG has linear gains, as trec_eval's.

    Raises:
        EvaluationError: for a name that is no measure, or one that needs what is not installed.
    """
    parsed = {name: parsed_measure(name) for name in dict.fromkeys(measures)}
    numbers = {query: str(number) for number, query in enumerate(dict.fromkeys([*qrels, *run]), start=1)}
    places: dict[str, str] = {}

    def place(document: str) -> str:  # some of the code behind ir_measures takes neither blanks nor words for ids
        return places.setdefault(document, f"d{len(places)}")

    judged = [
        ir_measures.Qrel(numbers[query], place(document), grade)
        for query, grades in qrels.items()
        for document, grade in grades.items()
        if grade != UNKNOWN
    ]
    ranked = [
        ir_measures.ScoredDoc(numbers[query], place(document), score)
        for query, documents in run.items()
        for document, score in strictly_falling(without_unknown(documents, qrels.get(query, {})))
    ]
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in parsed}
    names: dict[Any, list[str]] = {}
    for name, measure in parsed.items():
        names.setdefault(measure, []).append(name)
    queries = list(numbers)
    for metric in ir_measures.iter_calc(list(names), judged, ranked):
        query = queries[int(metric.query_id) - 1]
        for name in names[metric.measure] if query in qrels else ():
            values[name][query] = float(metric.value)
    return values


def parsed_measure(name: str) -> Any:
    """A measure as ir_measures writes it, such as ``nDCG@10``, ``AP(rel=2)``, ``Judged@10``.

    Raises:
        EvaluationError: for a name that is no measure, or one that needs what is not installed.
    """
    try:
        measure: Any = ir_measures.parse_measure(name)
        cutoff = measure.params.get("cutoff", 1)
        measure.validate_params()
    except (NameError, ValueError, SyntaxError, AssertionError, AttributeError, TypeError):
        measure, cutoff = None, 1
    if measure is None or not isinstance(cutoff, int) or cutoff < 1:  # trec_eval's code does not survive a cutoff of 0
        raise EvaluationError(f"{truncated_repr(name)} is not a measure; write nDCG@10, R@10, RR, AP, Judged@10 …")
    pipeline: Any = ir_measures.DefaultPipeline
    if not pipeline.supports(measure):
        raise EvaluationError(f"{truncated_repr(name)} needs a package that is not installed; ir-measures.org names it")
    return measure


def without_unknown(documents: list[tuple[str, float]], grades: Mapping[str, int]) -> list[tuple[str, float]]:
    """A query's ranking without the documents whose relatedness nobody knows."""
    return [item for item in documents if grades.get(item[0]) != UNKNOWN]
