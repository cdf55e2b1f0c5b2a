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


@given(st.integers(1, LISTED), st.integers(0, 2**32))
def test_what_is_written_of_repeats_is_read_for_any_of_the_candidates(count: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    block = np.zeros(3, lists_type(len(FEATURES)))
    of_query = chance.random((2, 3, LISTED)) < 0.2
    same = np.triu(chance.random((3, LISTED, LISTED)) < 0.03, 1)
    updates = same & (chance.random(same.shape) < 0.5)
    same, updates = same | same.transpose(0, 2, 1), updates | updates.transpose(0, 2, 1)
    repeats.write(block, (of_query[0], of_query[1]), (same, updates))
    rows = chance.permutation(1_000)[:LISTED].tolist()
    for number, one in enumerate(block):
        found = Repeats.read(one, rows)
        if np.count_nonzero(same[number]) > 2 * PAIRS:
            assert found is None
            continue
        assert found is not None
        some = chance.permutation(LISTED)[:count]
        places = found.of(candidates([rows[place] for place in some]))
        assert places is not None
        assert places == some.tolist()
        for held, told in zip(found.of_query(places), of_query, strict=True):
            np.testing.assert_array_equal(held, told[number, some])
        assert found.apart(candidates([rows[place] for place in some])) is not same[number][np.ix_(some, some)].any()
        for held, told in zip(found.among(places), (same, updates), strict=True):
            np.testing.assert_array_equal(held, told[number][np.ix_(some, some)])


def test_of_what_is_not_in_the_list_nothing_is_told() -> None:
    block, none = np.zeros(1, lists_type(len(FEATURES))), np.zeros((1, LISTED), np.bool_)
    pairs = np.zeros((1, LISTED, LISTED), np.bool_)
    repeats.write(block, (none, none), (pairs, pairs))
    found = Repeats.read(block[0], [7, 9])
    assert found is not None
    assert found.of(candidates([9, 8])) is None
    assert found.of(candidates([9], segment=1)) is None
    assert found.of(candidates([9])) == [1]
    assert found.apart(candidates([9, 7]))
    assert not found.apart(candidates([9, 8]))
