"""What readers are spared."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend import policy
from recommend.ranking import FEATURES, Candidates

GROUPS = st.lists(st.integers(0, 5) | st.just(2**64 - 1), max_size=12)


def ranked(groups: list[int]) -> Candidates:
    """Candidates best first, probabilities falling from 0.9."""
    blank = np.zeros(len(groups), np.float32)
    features = np.zeros((len(groups), len(FEATURES)), np.float32)
    probabilities = (0.9 - 0.05 * np.arange(len(groups))).astype(np.float32)
    rows = np.arange(len(groups))
    return Candidates(
        rows.astype(np.int32), rows, np.array(groups, np.uint64), features, features, blank, probabilities
    )


@given(GROUPS, st.integers(0, 5) | st.just(2**64 - 1))
def test_the_querys_own_group_is_hidden_and_of_every_other_the_best_stays(groups: list[int], own: int) -> None:
    kept = policy.collapse_groups(policy.hide_group(ranked(groups), own))
    assert kept.groups.tolist() == [group for group in dict.fromkeys(groups) if group != own]
    assert kept.rows.tolist() == [groups.index(group) for group in kept.groups.tolist()]


@given(GROUPS)
def test_the_floor_keeps_what_reaches_it(groups: list[int]) -> None:
    candidates = ranked(groups)
    assert policy.floor(candidates, 0.65).rows.tolist() == [n for n in range(len(groups)) if n <= 5]
    assert len(policy.floor(candidates, 0.0)) == len(groups)
    assert len(policy.floor(candidates, 1.0)) == 0


@given(st.integers(0, 12), st.integers(0, 6), st.integers(0, 99))
def test_of_candidates_that_repeat_each_other_the_best_are_taken(count: int, most: int, seed: int) -> None:
    half = np.triu(np.random.default_rng(seed).random((count, count)) < 0.3)
    repeats, taken = half | half.T, list[int]()
    for position in range(count):
        if len(taken) < most and not any(repeats[position, earlier] for earlier in taken):
            taken.append(position)
    assert policy.without_repeats(repeats, most).tolist() == taken
