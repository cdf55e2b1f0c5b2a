"""How far embeddings and words agree in each language of a corpus, which tells without judgements what embeddings are
worth there.

An encoder that is made for one language reads some others well, by the names and words that they share, and others not
at all. Which, the corpus tells: where the articles that have the most words in common with one are also nearer to it
than others are, the embeddings see what the words see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.index.lexical import TermMatrix

LEAST = 10
"""Articles of a language from which on it is looked at."""

_ASKED, _AMONG, _NEAREST = 200, 2_000, 3
_COPY = 0.9
_SEED = 7

Agreement = dict[str, tuple[float, int]]


def agreement(embeddings: NDArray[np.floating], matrix: TermMatrix, languages: Sequence[str | None]) -> Agreement:
    """By language, the mean share, 0…1, of its other articles that lie farther by embedding from an article than its
    three nearest by words do, and of how many articles; copies do not count.

    Args:
        embeddings: (n, d) of unit length.
        matrix: of the n articles.
        languages: (n,) by their primary part; None where one is unknown, which is left out.
    """
    correlations: Agreement = {}
    names, codes = np.unique([language or "" for language in languages], return_inverse=True)
    for code, name in enumerate(names.tolist()):
        rows = np.flatnonzero(codes == code)
        if name and len(rows) >= LEAST:
            shares = _shares(embeddings, matrix, rows)
            if shares:
                correlations[name] = (round(float(np.mean(shares)), 4), len(shares))
    return correlations


def _shares(embeddings: NDArray[np.floating], matrix: TermMatrix, rows: NDArray[np.int64]) -> list[float]:
    chance = np.random.default_rng(_SEED)
    among = np.sort(chance.permutation(rows)[:_AMONG])
    asked = np.sort(chance.permutation(len(among))[:_ASKED])
    words = (matrix.rows[among[asked]] @ matrix.rows[among].T).toarray()
    vectors = to_float32(embeddings[among])
    meanings = vectors[asked] @ vectors.T
    shares = []
    for own, word, meaning in zip(asked.tolist(), words, meanings, strict=True):
        others = np.delete(np.arange(len(among)), own)
        others = others[word[others] < _COPY]
        nearest = others[np.argsort(-word[others], kind="stable")[:_NEAREST]]
        nearest = nearest[word[nearest] > 0]
        rest = np.setdiff1d(others, nearest)
        if len(nearest) and len(rest):
            shares.append(float((meaning[nearest, None] > meaning[rest]).mean()))
    return shares
