"""Each article's nearest others, and what an article looks like once it is expanded with them.

A news item is short and says little; the few items nearest to it say the rest. Mixing an article's vectors with those
of its neighbours is document expansion (Tao et al., HLT-NAACL 2006), done once, when the index is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.index.dates import nearness
from recommend.index.dense import VectorIndex
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import TermVector

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

NEIGHBOUR_COUNT = 3
NEIGHBOUR_SHARE = 0.3
CANDIDATES = 48
LEAST_SIMILARITY, LONG_TERMS = 0.42, 68
COPIES = 0.9
_DENSE = 1.7
TIME_SCALE = 30.0
_BLOCK = 4096
_SEARCHES = 1024
_QUERIES = 64
_SAMPLE = 256
_SAMPLED = 10_000
_SEED = 7


def nearest(
    embeddings: FloatArray,
    index: VectorIndex,
    matrix: TermMatrix,
    published_at: IntArray,
    deviations: tuple[float, float],
    time_weight: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(n, COUNT) rows of each article's nearest others, and the same by content alone; its own row stands in where
    there are too few.

    Nearest by 1.7 · dense + lexical + ``time_weight`` · exp(−days / 30), both cosines in units of their deviation over
    random pairs, among the 48 nearest embeddings.

    Args:
        embeddings: (n, d) float32 of unit length; ``index`` over the same.
        matrix: of the same articles.
        published_at: (n,) seconds since 1970 or MISSING.
        deviations: see :func:`units`.
        time_weight: 0 leaves time out.
    """
    count = len(embeddings)
    neighbours = np.repeat(np.arange(count, dtype=np.int32)[:, None], NEIGHBOUR_COUNT, axis=1)
    timeless = neighbours.copy()
    if count < 2:
        return neighbours, timeless
    dense_unit, lexical_unit = deviations
    for rows, near, dense in _searched(embeddings, index):
        missing = (near < 0) | (near == rows[:, None])
        near[missing] = 0
        days = nearness(published_at[near], published_at[rows][:, None], TIME_SCALE)
        days[missing] = np.nan
        alike = (np.where(missing, 0, dense) / dense_unit).astype(np.float32), matrix.block(rows, near) / lexical_unit
        for kept, weight in ((neighbours, time_weight), (timeless, 0.0)):
            scores = pair_scores(*alike, days, weight)
            scores[missing] = -np.inf
            best = np.lexsort((near, -scores), axis=1)[:, :NEIGHBOUR_COUNT]
            enough = np.isfinite(np.take_along_axis(scores, best, axis=1))
            chosen = np.where(enough, np.take_along_axis(near, best, axis=1), rows[:, None])
            kept[rows, : chosen.shape[1]] = chosen
    return neighbours, timeless


def _searched(embeddings: FloatArray, index: VectorIndex) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """Blocks of rows (m,) with the nearest of each, (m, CANDIDATES + 1), and their cosines: searched many at a time,
    while those before are compared, and given out few at a time, so that what is compared fits a cache."""
    starts = range(0, len(embeddings), _SEARCHES)
    with ThreadPoolExecutor(1) as pool:
        search = partial(index.search_many, k=CANDIDATES + 1)
        ahead = pool.submit(search, embeddings[:_SEARCHES])
        for start in starts:
            near, cosines = ahead.result()
            ahead = pool.submit(search, embeddings[start + _SEARCHES : start + 2 * _SEARCHES])
            for first in range(0, len(near), _QUERIES):
                block = slice(first, first + _QUERIES)
                rows = np.arange(start + first, start + first + len(near[block]))
                yield rows, near[block], cosines[block]


def pair_scores(dense: FloatArray, lexical: FloatArray, near: FloatArray, time_weight: float) -> FloatArray:
    """How near others are to an article, (c,), or to each of several, (m, c); where a date is unknown (NaN) the mean
    nearness of that article's others stands in."""
    known = ~np.isnan(near)
    mean = np.where(known, near, 0.0).sum(axis=-1, keepdims=True) / np.maximum(known.sum(axis=-1, keepdims=True), 1)
    return np.asarray(_DENSE * dense + lexical + time_weight * np.where(known, near, mean), np.float32)


def units(embeddings: NDArray[np.floating], matrix: TermMatrix) -> tuple[float, float]:
    """Standard deviations of dense and lexical cosines over pairs of articles: all of a few articles, else random."""
    if len(embeddings) < 2:
        return 1.0, 1.0
    left, right = _pairs(len(embeddings))
    dense = np.einsum("nd,nd->n", embeddings[left].astype(np.float32), embeddings[right].astype(np.float32))
    return max(float(dense.std()), 1e-3), max(float(matrix.pairs(left, right).std()), 1e-3)


def _pairs(articles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of two different articles each."""
    if articles <= _SAMPLE:
        return np.triu_indices(articles, 1)
    left, right = np.random.default_rng(_SEED).integers(0, articles, (2, _SAMPLE * _SAMPLE))
    apart = left != right
    return left[apart], right[apart]


def mean_similarity(matrix: TermMatrix, neighbours: NDArray[np.int32]) -> float:
    """The mean lexical cosine 0…1 of articles and their neighbours (n, c), copies left out, of a sample where there are
    many; 0 where no article has any."""
    rows = np.arange(0, len(neighbours), max(1, len(neighbours) // _SAMPLED))
    left, right = np.repeat(rows, neighbours.shape[1]), neighbours[rows].ravel().astype(np.int64)
    others = left != right
    cosines = matrix.pairs(left[others], right[others])
    distinct = cosines[cosines < COPIES]
    return round(float(distinct.mean()), 4) if len(distinct) else 0.0


def expansion_pays(typical_terms: float, similarity: float) -> bool:
    """Whether an article's nearest say more of it. They do of short items, and of reports of the same events; of long
    texts whose nearest are about something else, they tell what those are about.

    Args:
        typical_terms: see :attr:`~recommend.index.term_counts.TermCounts.typical_words`.
        similarity: see :func:`mean_similarity`.
    """
    return similarity >= LEAST_SIMILARITY or not is_long(typical_terms)


def is_long(typical_terms: float) -> bool:
    """Whether articles that have so many different terms are long ones."""
    return typical_terms >= LONG_TERMS


def expanded_vectors(vectors: FloatArray, neighbours: NDArray[np.int32]) -> NDArray[np.float16]:
    """Unit vectors (n, d) mixed with the mean of their neighbours', of unit length again."""
    expanded = np.empty(vectors.shape, np.float16)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        mixed = (1 - NEIGHBOUR_SHARE) * vectors[block]
        for place in range(neighbours.shape[1]):
            mixed += NEIGHBOUR_SHARE / neighbours.shape[1] * vectors[neighbours[block, place]]
        expanded[block] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    return expanded


def expanded_lengths(matrix: TermMatrix, neighbours: NDArray[np.int32]) -> FloatArray:
    """(n,) lengths of the articles' term vectors once they are mixed with their neighbours'."""
    lengths = np.empty(len(neighbours), np.float32)
    for start in range(0, len(neighbours), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(neighbours)))
        mixed = _mixing(rows, neighbours[rows], len(neighbours)) @ matrix.rows
        lengths[rows] = np.sqrt(mixed.multiply(mixed).sum(axis=1))
    return np.maximum(lengths, 1e-9)


@dataclass(frozen=True)
class ExpandedTerms:
    """One article's term vector mixed with its neighbours', of unit length, once it is asked for.

    Attributes:
        matrix: of all articles.
        row: of the article.
        neighbours: (c,) rows of these.
    """

    matrix: TermMatrix
    row: int
    neighbours: NDArray[np.int32]

    @property
    def terms(self) -> IntArray:
        """(t,) int64 ascending columns."""
        return self._mixed.terms

    @property
    def weights(self) -> FloatArray:
        """(t,) float32."""
        return self._mixed.weights

    @cached_property
    def _mixed(self) -> TermVector:
        return mixed_terms(self.matrix.vector(self.row), [self.matrix.vector(int(other)) for other in self.neighbours])


def mixed_terms(own: TermVector, others: list[TermVector]) -> TermVector:
    """A term vector mixed with those of neighbours, of unit length."""
    return mixed_with_length(own, others)[0]


def mixed_with_length(own: TermVector, others: list[TermVector]) -> tuple[TermVector, float]:
    """The same, and the length that it had before, as :func:`expanded_lengths` gives it."""
    if not others:
        return own, 1.0
    share = NEIGHBOUR_SHARE / len(others)
    columns = np.concatenate([own.terms, *(other.terms for other in others)])
    weights = np.concatenate([(1 - NEIGHBOUR_SHARE) * own.weights, *(share * other.weights for other in others)])
    terms, place = np.unique(columns, return_inverse=True)
    mixed = np.bincount(place, weights, minlength=len(terms)).astype(np.float32)
    length = float(np.linalg.norm(mixed))
    return TermVector(terms, mixed / length if length else mixed), max(length, 1e-9)


def _mixing(rows: IntArray, neighbours: NDArray[np.int32], count: int) -> sparse.csr_array:
    width = neighbours.shape[1] + 1
    columns = np.column_stack([rows, neighbours]).ravel()
    weights = np.tile(
        np.array([1 - NEIGHBOUR_SHARE] + [NEIGHBOUR_SHARE / (width - 1)] * (width - 1), np.float32), len(rows)
    )
    return sparse.csr_array((weights, columns, np.arange(0, len(columns) + 1, width)), shape=(len(rows), count))
