"""Intervals hold what they say: checked by simulation, where queries are few and where they come in clusters."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from recommend.evaluation.intervals import Interval, difference_interval, encoded, interval, standard_error

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

MOSTLY_ONE = np.concatenate([np.ones(85), np.linspace(0.0, 0.95, 15)])
ENDS = np.concatenate([np.zeros(30), np.ones(35), np.linspace(0.05, 0.95, 35)])
POPULATIONS: dict[str, tuple[Draw, float]] = {
    "skewed": (lambda chance, n: chance.beta(2, 5, n), 2 / 7),
    "mostly one": (lambda chance, n: chance.choice(MOSTLY_ONE, n), float(MOSTLY_ONE.mean())),
    "at both ends": (lambda chance, n: chance.choice(ENDS, n), float(ENDS.mean())),
}


def clustered(chance: np.random.Generator, groups: int, spread: float) -> tuple[list[float], list[int]]:
    """Values of 0…1 with mean .8 in clusters of very different size, whose members depend on each other."""
    labels = np.repeat(np.arange(groups), chance.integers(1, 30, groups))
    common, own = chance.normal(size=groups)[labels], chance.normal(size=len(labels))
    values = stats.beta.ppf(stats.norm.cdf(spread**0.5 * common + (1 - spread) ** 0.5 * own), 2, 0.5)
    return values.tolist(), labels.tolist()


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("count", [8, 20, 60])
def test_intervals_cover_the_true_mean_as_often_as_they_say(name: str, count: int) -> None:
    draw, mean = POPULATIONS[name]
    chance = np.random.default_rng(4)
    found = [interval(draw(chance, count).tolist()) for _ in range(400)]
    covered = np.mean([one.low <= mean <= one.high for one in found])
    assert covered >= 0.92


@pytest.mark.parametrize(("groups", "spread"), [(10, 0.8), (43, 0.5)])
def test_intervals_by_cluster_cover_where_those_by_query_do_not(groups: int, spread: float) -> None:
    chance = np.random.default_rng(5)
    samples = [clustered(chance, groups, spread) for _ in range(250)]
    by_cluster = [interval(values, labels) for values, labels in samples]
    by_query = [interval(values) for values, _ in samples]
    covered, taken_for_independent = (
        np.mean([one.low <= 0.8 <= one.high for one in found]) for found in (by_cluster, by_query)
    )
    assert covered >= 0.92
    assert taken_for_independent < 0.8


def test_intervals_of_differences_cover_in_clusters_too() -> None:
    chance, covered = np.random.default_rng(6), 0
    for _ in range(300):
        labels = np.repeat(np.arange(12), chance.integers(1, 20, 12))
        differences = 0.02 + 0.1 * chance.normal(size=12)[labels] + 0.1 * chance.normal(size=len(labels))
        found = difference_interval(differences.tolist(), labels.tolist())
        covered += found.low <= 0.02 <= found.high
    assert covered / 300 >= 0.92


def test_where_all_are_the_same_an_interval_still_has_the_width_that_so_few_leave_open() -> None:
    full, nothing = interval([1.0] * 20), interval([0.0] * 20)
    assert [full.mean, full.low, full.high] == pytest.approx([1.0, 0.025 ** (1 / 20), 1.0])  # of Clopper and Pearson
    assert [nothing.mean, nothing.low, nothing.high] == pytest.approx([0.0, 0.0, 1 - 0.025 ** (1 / 20)])
    assert 0.1 < interval([0.5] * 10).low < 0.5 < interval([0.5] * 10).high < 0.9


def test_one_query_or_one_cluster_tells_no_interval() -> None:
    assert interval([0.7]) == Interval(0.7, -inf, inf)
    assert interval([0.7, 0.9], ["a", "a"]).is_known is False
    assert str(difference_interval([0.1])) == "unknown"
    assert isnan(interval([]).mean)
    assert not difference_interval([]).is_known


def test_what_is_no_share_has_students_interval() -> None:
    sample = [3.0, 5.0, 4.0, 9.0]
    half = stats.t.ppf(0.975, 3) * np.std(sample, ddof=1) / 2
    found = interval(sample)
    assert [found.low, found.high] == pytest.approx([5.25 - half, 5.25 + half])
    within = difference_interval(sample)
    assert [within.low, within.high] == pytest.approx([found.low, found.high])


def test_clusters_of_one_size_are_as_so_many_values() -> None:
    means = np.array([0.2, 0.5, 0.9, 0.4])
    error, freedom = standard_error(np.repeat(means, 6), np.repeat(np.arange(4), 6))
    assert [error, freedom] == pytest.approx([np.std(means, ddof=1) / 2, 3.0])


def test_degrees_of_freedom_are_those_of_the_matrices_of_bell_and_mccaffrey() -> None:
    sizes = np.array([1, 2, 3, 9, 4])
    codes, total = np.repeat(np.arange(5), sizes), int(sizes.sum())
    hat = np.full((total, total), 1 / total)
    columns = []
    for cluster in range(5):
        own = codes == cluster
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        columns.append((np.eye(total) - hat)[:, own] @ root @ np.full(own.sum(), 1 / total))
    made = np.array(columns).T
    expected = []
    for covariance in (np.eye(total), (codes[:, None] == codes[None, :]).astype(float)):
        spread = made.T @ covariance @ made
        expected.append(np.trace(spread) ** 2 / np.trace(spread @ spread))
    _, freedom = standard_error(np.random.default_rng(1).random(total), codes)
    assert freedom == pytest.approx(min(expected))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.integers(1, 9))
def test_an_interval_lies_around_the_mean_within_the_range(values: list[float], groups: int) -> None:
    labels = [place % groups for place in range(len(values))]
    for found in (interval(values), interval(values, labels)):
        assert found.mean == pytest.approx(np.mean(values))
        if found.is_known:
            assert 0.0 <= found.low <= found.mean + 1e-9
            assert found.mean - 1e-9 <= found.high <= 1.0
            assert found.low < found.high


def test_labels_are_numbered_as_they_come() -> None:
    codes, count = encoded(["b", "a", "b"])
    assert (codes.tolist(), count) == ([0, 1, 0], 2)
