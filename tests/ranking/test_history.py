from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.history import combine, weights, without_read

FOUND = st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 5)), st.floats(0, 1, width=32), max_size=8)


def candidates(found: dict[tuple[int, int], float]) -> Candidates:
    """By segment and row the probability of each."""
    n = len(found)
    places = np.array(list(found), np.int64).reshape(n, 2)
    blank = np.zeros((n, len(FEATURES)), np.float32)
    likely = np.array(list(found.values()), np.float32)
    return Candidates(
        places[:, 0].astype(np.int32), places[:, 1], places[:, 1].astype(np.uint64), blank, blank, likely, likely
    )


def test_each_step_back_counts_half_and_all_together_one() -> None:
    assert weights(1).tolist() == [1.0]
    assert weights(3) == pytest.approx(np.array([4, 2, 1]) / 7)


@given(st.lists(FOUND, min_size=1, max_size=5))
def test_every_article_is_there_once_with_the_weighted_sum_and_the_query_it_owes_most_to(
    found: list[dict[tuple[int, int], float]],
) -> None:
    shares = weights(len(found))
    merged, strongest = combine([candidates(one) for one in found], shares)
    places = list(zip(merged.segments.tolist(), merged.rows.tolist(), strict=True))
    assert places == sorted(set().union(*found))
    for i, place in enumerate(places):
        parts = [share * one.get(place, 0.0) for share, one in zip(shares, found, strict=True)]
        assert merged.probabilities[i] == pytest.approx(sum(parts), abs=1e-6)
        assert place in found[strongest[i]]
        assert parts[strongest[i]] == pytest.approx(max(parts), abs=1e-6)


@given(st.lists(FOUND, min_size=1, max_size=4), st.sets(st.integers(0, 5)), st.sampled_from([0.3, 0.7]))
def test_what_was_read_is_gone_from_every_list_though_only_one_shows_it(
    found: list[dict[tuple[int, int], float]], groups: set[int], least: float
) -> None:
    """Groups are rows here."""
    lists = [candidates(one) for one in found]
    read = np.array(sorted(groups), np.uint64)
    told = {place for one in found for place, near in one.items() if near >= np.float32(least) or place[1] in groups}
    kept = without_read(lists, read, [one.probabilities >= np.float32(least) for one in lists])
    left = [list(zip(one.segments.tolist(), one.rows.tolist(), strict=True)) for one in kept]
    assert left == [[place for place in one if place not in told] for one in found]
