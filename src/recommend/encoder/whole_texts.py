"""Reads all of a long text: one embedding of its beginning and of its pieces together.

A model reads about a hundred words at once, and what an article is linked with is often said further down. Pieces of a
few sentences are told apart by a model as whole texts are not (Callan, Passage-Level Evidence in Document Retrieval,
SIGIR 1994); their mean, with the beginning, which says what a text is about, is one vector as of any other article.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.encoder.encoder import Encoder
from recommend.encoder.preparation import LEAST_PIECES, characters, piece_words
from recommend.fingerprint import whole_fingerprint

FloatArray = NDArray[np.float32]

_LEAST_SHARE = 1 / 3  # of a piece that the last must have
_BEGINNING = 2.0


class WholeTexts:
    """An encoder that reads up to ``max_words`` words of each long text with another one, piece by piece.

    A text of fewer than three pieces gets, to the bit, the embedding that the other gives it.

    Args:
        encoder: reads one piece at a time, as many words as its ``max_tokens`` hold.
        max_words: of a text, which are read.
    """

    def __init__(self, encoder: Encoder, max_words: int) -> None:
        self._encoder = encoder
        self._max_words = max_words
        self._words = piece_words(encoder.max_tokens)
        self.fingerprint = whole_fingerprint(encoder.fingerprint, max_words)
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens
        self.language = encoder.language

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n, d) float32 of unit length, in the order of ``texts``."""
        limit = characters(self.max_tokens)
        parts = [[text[:limit], *self._pieces(text)] for text in texts]
        vectors = self._encoder.encode([part for some in parts for part in some])
        starts = np.cumsum([0, *map(len, parts)])
        means: FloatArray = vectors[starts[:-1]]
        for i, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
            if end - start > 1:
                pieces = _unit(vectors[start + 1 : end].mean(axis=0))
                means[i] = _unit(pieces + _BEGINNING * vectors[start])
        return means

    def _pieces(self, text: str) -> list[str]:
        """The pieces of a long text; none of a short one."""
        words = text.split()[: self._max_words]
        if len(words) < LEAST_PIECES * self._words:
            return []
        pieces = [words[start : start + self._words] for start in range(0, len(words), self._words)]
        return [" ".join(piece) for piece in pieces if len(piece) >= _LEAST_SHARE * self._words]


def _unit(vector: FloatArray) -> FloatArray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
