"""The one rule for near-duplicates: alike in meaning, and alike in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.index.lexical import cosines
from recommend.index.view import View
from recommend.ranking.candidates import Candidates

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


def among(view: View, candidates: Candidates, least_dense: float, least_lexical: float) -> tuple[FloatArray, BoolArray]:
    """Dense cosines (n, n) between candidates, and which (n, n) are near-duplicates: alike in meaning, and of those
    that are, alike in words.
    """
    places = list(zip(candidates.segments.tolist(), candidates.rows.tolist(), strict=True))
    rows = [view.segments[s].embeddings[row] for s, row in places]
    embeddings = to_float32(np.array(rows, np.float16).reshape(len(rows), view.snapshot.manifest.dimension))
    dense = embeddings @ embeddings.T
    same = dense >= least_dense
    np.fill_diagonal(same, False)
    some = np.flatnonzero(same.any(axis=0))
    if len(some):
        vectors = [view.segments[s].matrix.vector(row) for s, row in (places[i] for i in some)]
        same[np.ix_(some, some)] &= cosines(vectors) >= least_lexical
    return dense, same


def of_query(candidates: Candidates, least_dense: float, least_lexical: float) -> BoolArray:
    """(n,) which are near-duplicates of the query."""
    return (candidates.feature("lexical") >= least_lexical) & (candidates.feature("dense") >= least_dense)
