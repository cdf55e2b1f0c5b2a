"""What is filtered by policy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.ranking import policy
from recommend.ranking.candidates import FEATURES, Candidates

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


@given(GROUPS)
def test_of_every_duplicate_group_the_best_stays(groups: list[int]) -> None:
    kept = np.flatnonzero(policy.first_of_groups(np.array(groups, np.uint64)))
    assert kept.tolist() == [groups.index(group) for group in dict.fromkeys(groups)]


@given(GROUPS)
def test_the_floor_keeps_what_reaches_it(groups: list[int]) -> None:
    candidates = ranked(groups)
    assert policy.floor(candidates, 0.65).rows.tolist() == [n for n in range(len(groups)) if n <= 5]
    assert len(policy.floor(candidates, 0.0)) == len(groups)
    assert len(policy.floor(candidates, 1.0)) == 0


def similarities(count: int, seed: int) -> np.ndarray:
    half = np.triu(np.random.default_rng(seed).random((count, count)), 1).astype(np.float32)
    return half + half.T + np.eye(count, dtype=np.float32)


@given(st.integers(0, 12), st.integers(0, 6), st.integers(0, 3), st.integers(0, 99))
def test_without_diversity_the_best_that_repeat_no_other_are_taken_in_order_and_the_pinned_in_any_case(
    count: int, most: int, pinned: int, seed: int
) -> None:
    similarity, taken, pinned = similarities(count, seed), list[int](), min(pinned, count)
    repeats = similarity > 0.7
    for position in range(count):
        repeated = any(repeats[position, earlier] for earlier in taken)
        if len(taken) < most and (position < pinned or not repeated):
            taken.append(position)
    assert policy.marginal(ranked([0] * count), similarity, repeats, most, 0.0, pinned).tolist() == taken


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99), st.floats(0.05, 1.0))
def test_each_next_one_has_the_most_marginal_relevance(count: int, most: int, seed: int, diversity: float) -> None:
    candidates, similarity = ranked([0] * count), similarities(count, seed)
    repeats = similarity > 0.9
    taken = policy.marginal(candidates, similarity, repeats, most, diversity).tolist()
    for step, position in enumerate(taken):
        before = taken[:step]
        free = [i for i in range(count) if i not in before and not repeats[i, before].any()]
        gains = {
            i: (1 - diversity) * candidates.probabilities[i] - diversity * max(similarity[i, before], default=0.0)
            for i in free
        }
        assert position in gains
        assert gains[position] >= max(gains.values()) - 1e-6
    assert len(taken) == most or all(i in taken or repeats[i, taken].any() for i in range(count))


def test_of_two_alike_and_one_apart_the_one_apart_comes_second() -> None:
    similarity = np.array([[1, 0.9, 0.1], [0.9, 1, 0.1], [0.1, 0.1, 1]], np.float32)
    shown = policy.marginal(ranked([1, 2, 3]), similarity, np.eye(3, dtype=np.bool_), 3, 0.3)
    assert shown.tolist() == [0, 2, 1]
