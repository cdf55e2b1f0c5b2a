"""Embeddings and terms of made-up articles, drawn at random and the same each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.index.lexical import TermMatrix, stack
from recommend.index.lexicon import TermVector

Floats = NDArray[np.float32]

WIDTH = 25
"""How many terms there are."""


def unit(vectors: NDArray[np.floating]) -> Floats:
    scaled: Floats = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def some_embeddings(count: int, seed: int = 1) -> Floats:
    return unit(np.random.default_rng(seed).normal(size=(count, 6)))


def some_matrix(count: int, seed: int = 1) -> TermMatrix:
    rng = np.random.default_rng(seed)
    vectors = []
    for _ in range(count):
        terms = np.sort(rng.choice(WIDTH, rng.integers(1, 9), replace=False)).astype(np.int64)
        vectors.append(TermVector(terms, unit(rng.random(len(terms)) + 0.1)))
    return stack(vectors, WIDTH)
