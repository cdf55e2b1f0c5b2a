"""B-cubed against values worked out by hand, and what must hold of any groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.evaluation.b_cubed import b_cubed

ITEMS = "abcdefgh"
LABELS = st.lists(st.integers(0, 4), min_size=len(ITEMS), max_size=len(ITEMS))


def _groups(labels: Sequence[int]) -> dict[str, set[str]]:
    by_item = dict(zip(ITEMS, labels, strict=True))
    return {item: {other for other in ITEMS if by_item[other] == label} for item, label in by_item.items()}


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values)


def test_precision_recall_and_f1_are_those_worked_out_by_hand() -> None:
    judged = {"a": "ab", "b": "ab", "c": "c"}
    found = {"a": "abc", "b": "abc", "c": "abc"}
    measured = b_cubed(found, judged)
    assert measured.precision == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1 / 3})
    assert measured.recall == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert measured.f1 == pytest.approx(2 * (5 / 9) / (5 / 9 + 1))


def test_an_item_that_was_not_found_stands_alone_and_one_that_nobody_judged_counts_only_in_others_groups() -> None:
    measured = b_cubed({"b": ["x"], "x": ["a"]}, {"a": ["b"], "b": ["a"]})
    assert measured.precision == {"a": 1.0, "b": 0.5}
    assert measured.recall == {"a": 0.5, "b": 0.5}
    assert b_cubed({}, {}).f1 == 0.0


def test_overlapping_groups_count_each_for_its_own_item() -> None:
    measured = b_cubed({"a": "abc", "b": "b", "c": "bc"}, _groups([0, 0, 0, 1, 2, 3, 4, 4]))
    assert [measured.recall[item] for item in "abc"] == pytest.approx([1, 1 / 3, 2 / 3])


@given(LABELS, LABELS)
def test_it_is_symmetric_and_within_0_and_1_and_1_only_for_the_judged_groups(one: list[int], two: list[int]) -> None:
    there, back = b_cubed(_groups(one), _groups(two)), b_cubed(_groups(two), _groups(one))
    assert there.precision == back.recall
    assert there.recall == back.precision
    assert 0 < there.f1 <= 1
    assert (there.f1 == 1) == (_groups(one) == _groups(two))


@given(LABELS)
def test_standing_alone_is_precise_and_one_group_of_all_complete(labels: list[int]) -> None:
    judged = _groups(labels)
    assert _mean(b_cubed({}, judged).precision) == 1
    assert _mean(b_cubed(dict.fromkeys(ITEMS, ITEMS), judged).recall) == 1


@given(LABELS)
def test_splitting_a_judged_group_costs_recall_alone(labels: list[int]) -> None:
    judged = _groups(labels)
    halves = _groups([2 * label + place % 2 for place, label in enumerate(labels)])
    measured = b_cubed(halves, judged)
    assert _mean(measured.precision) == 1
    assert (_mean(measured.recall) == 1) == (halves == judged)
