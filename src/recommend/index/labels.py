"""Tags and by-lines as evidence: what two articles share weighs as much as it is rare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from recommend.index import lexical
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.term_counts import TermCounts

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

NONE = TermVector(np.zeros(0, np.int64), np.zeros(0, np.float32))
"""Of an article without labels, or with none that the corpus has."""


def count(labels: Sequence[Sequence[str]]) -> TermCounts:
    """Which articles have which labels, compared without regard to case; a label counts once an article."""
    folded = [{label.casefold() for label in some} for some in labels]
    vocabulary = sorted(set().union(*folded)) if folded else []
    column = {label: place for place, label in enumerate(vocabulary)}
    places = [sorted(column[label] for label in some) for some in folded]
    indptr = np.cumsum([0, *map(len, places)])
    indices = np.array([place for some in places for place in some], np.int32)
    rows = sparse.csr_array((np.ones(len(indices), np.int32), indices, indptr), shape=(len(folded), len(vocabulary)))
    return TermCounts(vocabulary, rows, frozenset())


def fit(counts: TermCounts) -> tuple[Lexicon, TermMatrix]:
    """The labels of a corpus, each with the logarithm of how rare it is, and the unit vectors of its articles. One that
    every article has weighs nothing."""
    rows = counts.rows
    shares = (1 + np.bincount(rows.indices, minlength=rows.shape[1])) / (1 + rows.shape[0])
    weights = np.maximum(-np.log(shares), 0.0).astype(np.float32)
    vectors = sparse.csr_array((weights[rows.indices], rows.indices, rows.indptr), shape=rows.shape)
    lengths = np.sqrt(vectors.multiply(vectors).sum(axis=1))
    vectors.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(rows.indptr)).astype(np.float32)
    return Lexicon(pa.array(counts.vocabulary, pa.string()), weights, frozenset()), TermMatrix(vectors)


def write(labels: Sequence[Sequence[str]], folder: Path) -> TermMatrix:
    """Fits the labels of a corpus and writes them as a folder; the vectors of its articles."""
    counts = count(labels)
    lexicon, matrix = fit(counts)
    lexical.save(lexicon, matrix, counts, folder)
    return matrix


def weigh(lexicon: Lexicon, labels: Sequence[str]) -> TermVector:
    """The vector that fitting would give an article with these labels; those that the corpus does not have are left
    out."""
    columns = lexicon.columns(sorted({label.casefold() for label in labels}))
    columns = columns[columns >= 0]
    weights = np.asarray(lexicon.weights[columns], np.float32)
    length = float(np.linalg.norm(weights))
    return TermVector(columns, weights / length) if length else NONE


def similarity(queries: Sequence[TermVector], matrix: TermMatrix, rows: Sequence[IntArray]) -> FloatArray:
    """Cosines (n,) of the labels of some queries with those of the articles at some rows each, one query's after the
    other's; NaN where either has none."""
    labelled = [bool(query.weights.any()) for query in queries]
    if not any(labelled):
        return np.full(sum(map(len, rows)), np.nan, np.float32)
    both = np.concatenate(rows)
    known = matrix.rows.indptr[both + 1] > matrix.rows.indptr[both]
    known &= np.repeat(labelled, [*map(len, rows)])
    return np.where(known, matrix.short_scores_each(rows, queries), np.float32(np.nan))
