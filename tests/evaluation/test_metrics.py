"""Measures against values worked out by hand."""

from math import log2

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import EvaluationError
from recommend.evaluation.metrics import per_query

QRELS = {"q1": {"a": 3, "b": 2, "c": 0, "d": 1}, "q2": {"a": 1}}


def test_ndcg_recall_and_reciprocal_rank_are_those_worked_out_by_hand() -> None:
    run = {"q1": [("c", 4.0), ("a", 3.0), ("x", 2.0), ("b", 1.0)], "q2": [("a", 1.0)]}
    values = per_query(QRELS, run, ["nDCG@10", "nDCG@2", "R@2", "RR"])
    ideal = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    assert values["nDCG@10"] == pytest.approx({"q1": (3 / log2(3) + 2 / log2(5)) / ideal, "q2": 1.0})
    assert values["nDCG@2"]["q1"] == pytest.approx((3 / log2(3)) / (3 / log2(2) + 2 / log2(3)))
    assert values["R@2"]["q1"] == pytest.approx(1 / 3)
    assert values["RR"] == pytest.approx({"q1": 0.5, "q2": 1.0})


def test_a_query_without_a_ranking_counts_as_zero() -> None:
    values = per_query(QRELS, {"q2": [("a", 1.0)], "unjudged": [("a", 1.0)]})
    assert {measure: value["q1"] for measure, value in values.items()} == dict.fromkeys(values, 0.0)
    assert all(set(value) == {"q1", "q2"} for value in values.values())


def test_documents_of_unknown_relatedness_are_dropped_from_their_own_query_only() -> None:
    qrels = {"q1": {"u": -1, "a": 1}, "q2": {"u": 1}}
    ranking = [("u", 2.0), ("a", 1.0)]
    values = per_query(qrels, {"q1": ranking, "q2": ranking}, ["RR", "nDCG@5"])
    assert values == {"RR": {"q1": 1.0, "q2": 1.0}, "nDCG@5": {"q1": 1.0, "q2": 1.0}}


def test_the_order_given_decides_where_scores_tie() -> None:
    for order in (["a", "z"], ["z", "a"]):
        values = per_query({"q": {"a": 1}}, {"q": [(document, 0.5) for document in order]}, ["RR"])
        assert values["RR"]["q"] == 1 / (1 + order.index("a"))


def test_an_unknown_measure_is_named_with_examples() -> None:
    with pytest.raises(EvaluationError, match=r"'nonsense@5'.* is not a measure; write nDCG@10"):
        per_query(QRELS, {}, ["nonsense@5"])


@pytest.mark.parametrize("name", ["nDCG@0", "nDCG@-1", "nDCG@x", "R", "nDCG(", "nDCG(x=1)@5", "", "@5"])
def test_what_would_crash_the_code_of_trec_eval_is_no_measure(name: str) -> None:
    with pytest.raises(EvaluationError, match="is not a measure; write nDCG@10"):
        per_query(QRELS, {}, [name])


def test_a_measure_that_needs_another_package_says_so() -> None:
    with pytest.raises(EvaluationError, match="needs a package that is not installed"):
        per_query(QRELS, {}, ["alpha_nDCG@10"])


GRADES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3), min_size=1)
RANKED = st.lists(st.sampled_from("abcdefghxyz"), min_size=1, unique=True)


def test_ids_of_any_form_reach_every_measure() -> None:
    qrels = {"a query": {"doc 1": 1, "é\t%20": 0}}
    values = per_query(
        qrels, {"a query": [("doc 1", 2.0), ("é\t%20", 1.0)]}, ["ERR@10", "RR", "Judged@10", "Compat(p=0.8)"]
    )
    assert [found["a query"] for found in values.values()] == [0.0625, 1.0, 1.0, 1.0]


@given(st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), st.tuples(GRADES, RANKED), min_size=1))
def test_measures_are_those_of_ir_measures_on_any_run(found: dict[str, tuple[dict[str, int], list[str]]]) -> None:
    qrels = {query: grades for query, (grades, _) in found.items()}
    run = {query: [(d, 20.0 - i) for i, d in enumerate(ranked)] for query, (_, ranked) in found.items()}
    names = ["nDCG@5", "nDCG@10", "R@10", "RR", "AP", "P@3", "Judged@10", "AP(rel=2)@5", "Success@1"]
    values = per_query(qrels, run, names)
    plain = {query: dict(documents) for query, documents in run.items()}
    measures = {ir_measures.parse_measure(name): name for name in names}
    for metric in ir_measures.iter_calc(list(measures), qrels, plain):
        assert values[measures[metric.measure]][metric.query_id] == pytest.approx(metric.value, abs=1e-9)
