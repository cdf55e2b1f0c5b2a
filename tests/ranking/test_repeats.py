"""What a list holds of repeats is what is found among its candidates."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.index.lists import LISTED, PAIRS, lists_type
from recommend.ranking import repeats
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.repeats import Repeats


def candidates(rows: list[int], segment: int = 0) -> Candidates:
    return Candidates.of(
        segment, np.array(rows, np.int64), np.zeros(len(rows), np.uint64), np.zeros((len(rows), 1), "f4")
    )


@given(st.integers(1, LISTED), st.randoms(use_true_random=False))
def test_what_is_written_of_repeats_is_read_for_any_of_the_candidates(count: int, chance: object) -> None:
    numbers = np.random.default_rng(chance.randrange(10**6))  # type: ignore[attr-defined]
    rows = numbers.permutation(1_000)[:count].tolist()
    of_query = numbers.random((2, count)) < 0.2
    same = np.triu(numbers.random((count, count)) < 0.05, 1)
    updates = same & (numbers.random(same.shape) < 0.5)
    same, updates = same | same.T, updates | updates.T
    one = np.zeros(1, lists_type(len(FEATURES)))[0]
    repeats.write(one, (of_query[0], of_query[1]), (same, updates))
    found = Repeats.read(one, rows)
    if np.count_nonzero(same) > 2 * PAIRS:
        assert found is None
        return
    assert found is not None
    some = numbers.permutation(count)[: numbers.integers(1, count + 1)]
    places = found.of(candidates([rows[place] for place in some]))
    assert places is not None
    assert places == some.tolist()
    for held, told in zip(found.of_query(places), of_query, strict=True):
        np.testing.assert_array_equal(held, told[some])
    for held, told in zip(found.among(places), (same, updates), strict=True):
        np.testing.assert_array_equal(held, told[np.ix_(some, some)])


def test_of_what_is_not_in_the_list_nothing_is_told() -> None:
    one = np.zeros(1, lists_type(len(FEATURES)))[0]
    none = np.zeros(2, np.bool_), np.zeros(2, np.bool_)
    repeats.write(one, none, (np.zeros((2, 2), np.bool_), np.zeros((2, 2), np.bool_)))
    found = Repeats.read(one, [7, 9])
    assert found is not None
    assert found.of(candidates([9, 8])) is None
    assert found.of(candidates([9], segment=1)) is None
    assert found.of(candidates([9])) == [1]
