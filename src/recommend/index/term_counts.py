"""How often terms occur in articles: counted once for each text, and kept for the next snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.articles.languages import primary_language
from recommend.articles.stems import BESIDE
from recommend.articles.text import terms

RULES = 2
"""Another one when texts give other terms: what was counted by others is counted anew."""


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Counts of v terms in n articles.

    Attributes:
        vocabulary: terms in ascending order, each of which occurs.
        rows: (n, v) whole numbers, column indices ascending.
        stop_words: words that give no terms.
    """

    vocabulary: list[str]
    rows: sparse.csr_array
    stop_words: frozenset[str]

    @classmethod
    def of(cls, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> TermCounts:
        """Counts the terms of texts; English stop words are left out, and those of a text's own language.

        Args:
            texts: n of them.
            languages: (n,) of the texts, None for one that is unknown; all are without them.
        """
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

        stop_words = frozenset(ENGLISH_STOP_WORDS)
        vectorizer = CountVectorizer(analyzer=lambda text: terms(text[0], stop_words, text[1]), dtype=np.int32)
        primaries = (
            [None] * len(texts)
            if languages is None
            else [language and primary_language(language) for language in languages]
        )
        try:
            rows = sparse.csr_array(vectorizer.fit_transform(zip(texts, primaries, strict=True)))
        except ValueError:  # scikit-learn refuses texts without a single term
            return cls([], sparse.csr_array((len(texts), 0), dtype=np.int32), stop_words)
        rows.sort_indices()
        return cls(vectorizer.get_feature_names_out().tolist(), rows, stop_words)

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    @property
    def beside(self) -> int:
        """How many terms stand beside words, and not for them; they are the first."""
        return bisect_left(self.vocabulary, chr(ord(BESIDE) + 1))

    @property
    def typical_words(self) -> float:
        """How many different terms of words the articles have, the median; 0 of none."""
        words = self.rows[:, self.beside :] if self.beside else self.rows
        return float(np.median(np.diff(words.indptr))) if len(self) else 0.0

    def take(self, rows: NDArray[np.integer]) -> TermCounts:
        """Those of the articles at ``rows``, in that order; terms that none of them has are gone."""
        taken = self.rows[rows]
        present = np.zeros(len(self.vocabulary), np.bool_)
        present[taken.indices] = True
        remaining = np.flatnonzero(present)
        columns = np.cumsum(present) - 1
        vocabulary = [self.vocabulary[column] for column in remaining.tolist()]
        return TermCounts(vocabulary, _placed(taken, columns, len(remaining)), self.stop_words)

    @staticmethod
    def joined(parts: Sequence[TermCounts]) -> TermCounts:
        """Those of several sets of articles, counted with the same stop words, one after the other."""
        vocabulary = sorted(set().union(*(part.vocabulary for part in parts)))
        column = {term: place for place, term in enumerate(vocabulary)}
        places = (np.array([column[term] for term in part.vocabulary], np.int64) for part in parts)
        rows = [_placed(part.rows, place, len(vocabulary)) for part, place in zip(parts, places, strict=True)]
        return TermCounts(vocabulary, sparse.csr_array(sparse.vstack(rows, format="csr")), parts[0].stop_words)


def _placed(rows: sparse.csr_array, columns: NDArray[np.integer], width: int) -> sparse.csr_array:
    """The rows with each column moved to another of ``columns``, which ascend."""
    indices = columns[rows.indices].astype(rows.indices.dtype)
    return sparse.csr_array((rows.data, indices, rows.indptr), shape=(rows.shape[0], width))
