"""The vocabulary of a corpus, and the weighted terms of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommend.articles.languages import primary_language
from recommend.articles.text import terms
from recommend.index.cells import Texts

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TermVector:
    """The weighted terms of one text: ``terms`` (t,) int64 ascending columns, ``weights`` (t,) float32, unit length;
    below zero of what stands beside words, see :func:`~recommend.index.term_weights.fit`."""

    terms: IntArray
    weights: FloatArray

    @property
    def words(self) -> TermVector:
        """Those terms that stand for words, with the weights that they have here."""
        beside = np.signbit(self.weights)
        return TermVector(self.terms[~beside], self.weights[~beside]) if beside.any() else self


class Terms(Protocol):
    """What :class:`TermVector` has, perhaps made when it is first asked for."""

    @property
    def terms(self) -> IntArray:
        """(t,) int64 ascending columns."""

    @property
    def weights(self) -> FloatArray:
        """(t,) float32."""


class Lexicon:
    """The vocabulary of a corpus and the weight of each term.

    Attributes:
        vocabulary: (v,) terms in ascending order.
        weights: (v,) float32, see :func:`~recommend.index.term_weights.fit`.
        stop_words: words that give no terms.
    """

    def __init__(self, vocabulary: pa.StringArray, weights: FloatArray, stop_words: frozenset[str]) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        self.stop_words = stop_words

    def __len__(self) -> int:
        return len(self.weights)

    def terms(self, columns: IntArray) -> list[str]:
        """The terms of some columns."""
        return [self._texts[column] for column in columns.tolist()]

    def columns(self, wanted: Sequence[str]) -> IntArray:
        """(n,) the columns of some terms, -1 for those that the corpus does not have."""
        encoded = np.array([_bytes(term) for term in wanted], np.bytes_)
        places = np.searchsorted(self._ordered, encoded)
        return np.where(np.searchsorted(self._ordered, encoded, side="right") > places, places, -1)

    @cached_property
    def numeric(self) -> BoolArray:
        """(v,) which terms hold digits."""
        digits = pc.match_substring_regex(self.vocabulary, r"\p{Nd}")
        return np.asarray(np.from_dlpack(digits.cast(pa.int8()))).view(np.bool_)

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self.vocabulary)

    @cached_property
    def _ordered(self) -> NDArray[np.bytes_]:
        """(v,) the vocabulary in UTF-8, whose bytes are in the order of its characters."""
        return np.array([_bytes(term) for term in self.vocabulary.to_pylist()], np.bytes_)

    def weigh(self, text: str, language: str | None = None, unsaid: str = "") -> TermVector:
        """The vector that fitting would give the text; terms that the corpus does not have are left out.

        Args:
            text: of an article.
            language: of the text.
            unsaid: a part of the text that counts for nothing: terms that nothing else says weigh 0.
        """
        primary = language and primary_language(language)
        told = Counter(terms(text, self.stop_words, primary))
        for term, count in Counter(terms(unsaid, self.stop_words, primary)).items():
            told[term] = max(told[term] - count, 0)
        counts = sorted(told.items())
        places = self.columns([term for term, _ in counts])
        known = places >= 0
        columns = places[known]
        frequencies = np.array([count for _, count in counts], np.float32)[known]
        weights = np.sqrt(frequencies) * self.weights[columns]
        norm = float(np.linalg.norm(weights))
        return TermVector(columns, (weights / norm if norm else weights).astype(np.float32))


def _bytes(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")
