"""Measures against values worked out by hand."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import EvaluationError
from recommend.evaluation.metrics import Change, compare, holm, interval, most_changed, per_query

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
    with pytest.raises(EvaluationError, match=r"'nonsense@5'.* is no measure; write nDCG@10"):
        per_query(QRELS, {}, ["nonsense@5"])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_an_interval_lies_around_the_mean_within_the_values(values: list[float]) -> None:
    found = interval(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert interval(values) == found


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    chance = np.random.default_rng(4)
    found = [interval(chance.beta(2, 5, 80).tolist()) for _ in range(120)]
    covered = np.mean([one.low <= 2 / 7 <= one.high for one in found])
    assert 0.87 <= covered <= 0.99


def test_a_better_run_is_told_from_chance_and_an_equal_one_is_not() -> None:
    chance = np.random.default_rng(2)
    before = {f"q{n}": value for n, value in enumerate(chance.random(60).tolist())}
    better = {query: value + 0.1 for query, value in before.items()}
    found = compare(before, better)
    assert found.difference.mean == pytest.approx(0.1)
    assert (found.better, found.worse) == (60, 0)
    assert found.p_value < 0.01
    back = compare(better, before)
    assert back.difference.mean == pytest.approx(-0.1)
    assert (back.better, back.worse) == (0, 60)
    noise = {query: value + chance.normal(0, 0.1) for query, value in before.items()}
    assert compare(before, noise).p_value > 0.05
    assert compare(before, before).p_value == 1.0


def test_holm_raises_p_values_as_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferronis_and_keeps_the_order(p_values: list[float]) -> None:
    found = holm(p_values)
    for raw, raised in zip(p_values, found, strict=True):
        assert raw <= raised <= min(1.0, raw * len(p_values))
    in_order = [found[i] for i in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert in_order == sorted(in_order)


def test_the_queries_that_changed_most_come_first_and_those_that_did_not_change_are_left_out() -> None:
    before = {"d": 0.5, "c": 0.25, "b": 0.25, "a": 1.0, "e": 0.75}
    after = {"d": 0.5, "c": 0.75, "b": 0.75, "a": 0.0, "e": 0.5}
    better, worse = most_changed(before, after)
    assert better == [Change("b", 0.25, 0.75), Change("c", 0.25, 0.75)]
    assert worse == [Change("a", 1.0, 0.0), Change("e", 0.75, 0.5)]
    assert [len(changes) for changes in most_changed(before, after, 1)] == [1, 1]
