"""What sections, tags and authors are worth in a corpus: measured from the corpus, without judgements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.index.lexical import TermMatrix

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_SEED = 7
_SAMPLED = 10_000
LEAST_PAIRS = 300
"""Pairs below which what they tell would be guessed rather than measured."""
_PSEUDO_VARIANCE = 0.02


def measure(
    sections: NDArray[np.int32],
    tags: TermMatrix,
    authors: TermMatrix,
    neighbours: NDArray[np.int32],
    groups: NDArray[np.uint64],
) -> dict[str, float]:
    """By feature, the log-odds that a unit of similarity in it adds to two articles being near each other in content:
    how far pairs of neighbours are above random pairs, over the variance of both (Fisher's discriminant). 0 where what
    is alike in content shares it no oftener than chance has it. Features that too few pairs of neighbours have are left
    out.

    Args:
        sections: (n,) codes, -1 where unknown.
        tags, authors: of n articles, see :mod:`recommend.index.labels`.
        neighbours: (n, c) rows of each article's nearest by content alone; its own row where there are too few.
        groups: (n,) duplicate groups: copies share everything.
    """
    count = len(neighbours)
    if count < 2:
        return {}
    rng = np.random.default_rng(_SEED)
    rows = np.arange(count) if count <= _SAMPLED else np.sort(rng.permutation(count)[:_SAMPLED])
    left, right = np.repeat(rows, neighbours.shape[1]), neighbours[rows].ravel().astype(np.int64)
    pairs = _apart(left, right, groups)
    one, other = rng.integers(0, count, (2, len(left)))
    by_chance = _apart(one, other, groups)
    worth = {
        "section": _worth(_same(sections, *pairs), _same(sections, *by_chance)),
        "tags": _worth(_cosines(tags, *pairs), _cosines(tags, *by_chance)),
        "authors": _worth(_cosines(authors, *pairs), _cosines(authors, *by_chance)),
    }
    return {name: round(value, 3) for name, value in worth.items() if value is not None}


def _apart(left: IntArray, right: IntArray, groups: NDArray[np.uint64]) -> tuple[IntArray, IntArray]:
    others = (left != right) & (groups[left] != groups[right])
    return left[others], right[others]


def _same(codes: NDArray[np.int32], left: IntArray, right: IntArray) -> FloatArray:
    known = (codes[left] >= 0) & (codes[right] >= 0)
    same: FloatArray = (codes[left] == codes[right])[known].astype(np.float32)
    return same


def _cosines(matrix: TermMatrix, left: IntArray, right: IntArray) -> FloatArray:
    labelled = np.diff(matrix.rows.indptr) > 0
    known = labelled[left] & labelled[right]
    return matrix.pairs(left[known], right[known])


def _worth(near: FloatArray, by_chance: FloatArray) -> float | None:
    return None if min(len(near), len(by_chance)) < LEAST_PAIRS else discriminant(near, by_chance)


def discriminant(wanted: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """The log-odds that a unit of a feature adds to being wanted: how far its values (n,) there are above those of
    others (m,), over the variance of both (Fisher's discriminant); 0 where they are not above."""
    variance = (float(wanted.var()) + float(others.var())) / 2
    return max(float(wanted.mean()) - float(others.mean()), 0.0) / (variance + _PSEUDO_VARIANCE)
