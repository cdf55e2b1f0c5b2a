"""Differences between arms are held against readers whose habits are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from click_logs import arms_log
from recommend.evaluation.arms import arm_shares, compare_arms, sequential, shared_clusters

READERS, RUNS = 300, 200


def test_with_no_difference_intervals_hold_it_nineteen_times_in_twenty_over_readers_and_not_over_impressions() -> None:
    held = {"unit": 0, "view": 0}
    rejected = 0
    for seed in range(RUNS):
        log = arms_log(seed, READERS, {"a": 0.08, "b": 0.08}, spread=3.0)
        for by in held:
            found = compare_arms(log, "a", "b", by=by)  # type: ignore[arg-type]
            held[by] += found.low <= 0 <= found.high
            rejected += by == "unit" and found.p_value < 0.05
    assert 0.91 * RUNS <= held["unit"] <= 0.985 * RUNS
    assert held["view"] < 0.8 * RUNS, (
        "impressions of one reader were taken for independent, and the intervals still held"
    )
    assert rejected == RUNS - held["unit"]


def test_a_difference_is_found_as_often_as_the_power_says() -> None:
    found = [compare_arms(arms_log(seed, READERS, {"a": 0.08, "b": 0.13}), "a", "b") for seed in range(100)]
    assert np.mean([one.low <= 0.05 <= one.high for one in found]) >= 0.88
    detectable = float(np.median([one.detectable for one in found]))
    chance = np.mean([one.p_value < 0.05 for one in found])
    assert 0.5 < chance <= 1.0
    assert (chance > 0.8) == (detectable < 0.05) or abs(detectable - 0.05) < 0.01
    one = compare_arms(arms_log(1, READERS, {"a": 0.08, "b": 0.13}), "a", "b", wanted=0.05)
    assert one.needed == pytest.approx((one.clusters_a + one.clusters_b) * (one.detectable / 0.05) ** 2, abs=1)


def test_who_looks_every_day_and_stops_when_it_looks_good_is_wrong_one_time_in_twenty_at_most() -> None:
    chance = np.random.default_rng(5)
    looks = np.arange(50, 5_001, 50)
    naive = kept = 0
    for _ in range(400):
        values = chance.normal(size=looks[-1])
        means, errors = np.cumsum(values)[looks - 1] / looks, 1 / np.sqrt(looks)
        naive += bool((np.abs(means / errors) > 1.96).any())
        always = [sequential(m, e, int(n)) for m, e, n in zip(means, errors, looks, strict=True)]
        assert all((low <= 0 <= high) == (p >= 0.05) for low, high, p in always)
        kept += any(p < 0.05 for *_, p in always)
    assert naive > 0.25 * 400
    assert kept <= 0.06 * 400


def test_a_sequence_of_looks_finds_what_is_there() -> None:
    low, high, p = sequential(0.1, 0.02, 1_000)
    assert 0 < low < 0.1 < high
    assert p < 0.001
    assert sequential(0.0, 0.0, 0) == (-np.inf, np.inf, 1.0)


def test_shares_that_no_coin_would_give_are_told() -> None:
    log = arms_log(3, 2_000, {"a": 0.1, "b": 0.1})
    fair = arm_shares(log, {"a": 1.0, "b": 1.0})
    assert sum(fair.counts.values()) == 2_000
    assert (fair.mismatch, fair.p_value > 0.01) == (False, True)
    lost = log.where(~((log.arm == log.arms.index("b")) & (log.unit % 5 == 0)))
    assert arm_shares(lost, {"a": 1.0, "b": 1.0}).mismatch
    assert arm_shares(log, {"a": 1.0, "b": 2.0}).mismatch
    assert arm_shares(log, {"a": 1.0, "b": 0.0}).mismatch
    assert shared_clusters(log, ["a", "b"]) == 0


def test_readers_who_saw_both_arms_are_counted() -> None:
    log = arms_log(1, 40, {"a": 0.1, "b": 0.1})
    moved = replace(log, arm=np.where((log.unit < 3) & (log.view % 2 == 0), 0, log.arm))
    expected = sum(len(set(moved.arm[moved.unit == unit].tolist())) > 1 for unit in range(40))
    assert shared_clusters(moved, ["a", "b"]) == expected > 0


def test_an_arm_that_nobody_saw_tells_nothing() -> None:
    found = compare_arms(arms_log(1, 20, {"a": 0.1}), "a", "none")
    assert found.p_value == 1.0
    assert found.needed is None
    assert not found.low > -np.inf
