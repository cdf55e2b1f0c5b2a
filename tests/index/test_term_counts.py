"""Counts kept and joined against counting all texts together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.stems import BESIDE
from recommend.articles.text import terms
from recommend.index.term_counts import TermCounts

WORDS = st.sampled_from(["storm", "Coast", "rain", "floods", "the", "Café", "vote", "東京都", "tariff"])
LANGUAGES = st.sampled_from([None, "en", "tr", "ar", "vi"])
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


@given(TEXTS, st.data())
def test_a_typical_article_has_as_many_terms_as_its_words_give(texts: list[str], data: st.DataObject) -> None:
    languages = [data.draw(LANGUAGES) for _ in texts]
    counts = TermCounts.of(texts, languages)
    given_by = (terms(text, counts.stop_words, language) for text, language in zip(texts, languages, strict=True))
    words = [len({term for term in given if not term.startswith(BESIDE)}) for given in given_by]
    assert counts.typical_words == (np.median(words) if words else 0.0)
    assert all(term.startswith(BESIDE) for term in counts.vocabulary[: counts.beside])
