"""Whether one run is better than another: as often wrong as the p-value says, no more, in clusters as well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recommend.evaluation.differences import Change, Difference, compare, holm, most_changed, sign_flip
from recommend.evaluation.intervals import Interval


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
    assert compare(before, before) == Difference(Interval(0.0, 0.0, 0.0), 1.0, 0, 0, 0.0)


def test_the_effect_is_the_difference_in_standard_deviations() -> None:
    found = compare({"a": 0.0, "b": 0.0, "c": 0.0}, {"a": 0.1, "b": 0.2, "c": 0.6})
    assert found.effect == pytest.approx(0.3 / np.std([0.1, 0.2, 0.6], ddof=1))
    assert compare({"a": 0.0}, {"a": 0.5}).effect == 0.0


def test_an_interval_of_what_lies_between_0_and_1_ends_at_a_difference_of_1() -> None:
    found = compare({"a": 1.0, "b": 0.5, "c": 1.0}, {"a": 0.0, "b": 0.5, "c": 0.9}).difference
    assert (found.low, found.high) == (-1.0, 1.0)
    assert compare({"a": 9.0, "b": 0.5, "c": 1.0}, {"a": 0.0, "b": 0.5, "c": 0.9}).difference.low < -1.0


def test_p_values_are_those_of_scipys_permutation_test() -> None:
    chance = np.random.default_rng(3)
    few = chance.normal(0.3, 1.0, 9)
    exact = stats.permutation_test((few,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(few) == pytest.approx(exact.pvalue)
    many = chance.normal(0.12, 1.0, 300)
    drawn = stats.permutation_test((many,), np.mean, permutation_type="samples", n_resamples=20_000, rng=1)
    assert sign_flip(many) == pytest.approx(drawn.pvalue, abs=0.01)
    assert sign_flip(many) == sign_flip(many)
    assert sign_flip(np.zeros(5)) == sign_flip(np.zeros(0)) == 1.0


def test_runs_that_differ_by_chance_are_called_different_as_seldom_as_said_in_clusters_too() -> None:
    chance = np.random.default_rng(8)
    by_cluster, by_query = [], []
    for _ in range(200):
        labels = np.repeat(np.arange(15), chance.integers(1, 12, 15))
        differences = 0.1 * chance.normal(size=15)[labels] + 0.05 * chance.normal(size=len(labels))
        a = {str(n): 0.5 for n in range(len(labels))}
        b = {str(n): 0.5 + value for n, value in enumerate(differences.tolist())}
        by_cluster.append(compare(a, b, {str(n): label for n, label in enumerate(labels.tolist())}).p_value)
        by_query.append(compare(a, b).p_value)
    wrong, taken_for_independent = (np.mean(np.array(found) < 0.05) for found in (by_cluster, by_query))
    assert wrong <= 0.09
    assert taken_for_independent > 0.2


def test_few_queries_are_called_different_as_seldom_as_said() -> None:
    chance = np.random.default_rng(9)
    p_values = [sign_flip(chance.standard_t(3, 12)) for _ in range(400)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.075


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
