"""Counts kept and joined against counting all texts together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.index.term_counts import TermCounts

WORDS = st.sampled_from(["storm", "Coast", "rain", "floods", "the", "Café", "vote", "東京都", "tariff"])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=8)


@given(TEXTS, TEXTS, st.data())
def test_counts_that_are_taken_and_joined_are_those_of_the_texts_together(
    old: list[str], new: list[str], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(old) - 1), unique=True)) if old else []
    taken = TermCounts.of(old).take(np.array(rows, np.int64))
    joined = TermCounts.joined([taken, TermCounts.of(new)])
    together = TermCounts.of([*(old[row] for row in rows), *new])
    assert joined.vocabulary == together.vocabulary
    assert joined.stop_words == together.stop_words
    assert len(joined) == len(rows) + len(new)
    np.testing.assert_array_equal(joined.rows.toarray(), together.rows.toarray())
    assert joined.rows.has_sorted_indices
