"""Lexical candidates of a generation: a term's articles as bytes, heaviest first, summed where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.index.lexical import POSTINGS_A_SEARCH, TermMatrix
from recommend.index.lexicon import TermVector

IntArray = NDArray[np.int64]

_A_PART = 16_384
_WIDTH = 8  # bytes of an entry: number and weight


def parts(matrix: TermMatrix, numbers: IntArray, since: int = 0) -> Iterator[tuple[int, int, int, bytes]]:
    """The postings of n articles of some ``numbers`` (n,), as term, ``since``, part and entries."""
    postings = matrix.postings
    for term in np.flatnonzero(np.diff(postings.indptr)).tolist():
        span = slice(int(postings.indptr[term]), int(postings.indptr[term + 1]))
        weights = np.asarray(postings.data[span], "<f4")
        order = np.argsort(-np.abs(weights), kind="stable")
        having, weights = numbers[postings.indices[span]].astype("<i4")[order], weights[order]
        for part, start in enumerate(range(0, len(having), _A_PART)):
            some = slice(start, start + _A_PART)
            yield term, since, part, having[some].tobytes() + weights[some].tobytes()


def read_within(terms: TermVector, most: int, frequencies: NDArray[np.integer]) -> TermVector:
    """The strongest terms, as :meth:`~recommend.index.lexical.TermMatrix.search` takes them: only ``most``, and only as
    many as keep the postings read within bounds."""
    strongest = np.argsort(-terms.weights, kind="stable")[:most]
    read = np.cumsum(frequencies[terms.terms[strongest]])
    within = strongest[: max(1, int(np.searchsorted(read, POSTINGS_A_SEARCH, side="right")))]
    return TermVector(terms.terms[within], terms.weights[within])


def best(rows: Sequence[tuple[int, bytes]], terms: TermVector, count: int) -> IntArray:
    """Numbers of the ``count`` articles with the greatest sums, greatest first, ties by number; ``rows`` are terms and
    parts of their postings."""
    weights = dict(zip(terms.terms.tolist(), terms.weights.tolist(), strict=True))
    numbers, products = [np.zeros(0, "<i4")], [np.zeros(0, np.float32)]
    for term, entries in rows:
        size = len(entries) // _WIDTH
        numbers.append(np.frombuffer(entries, "<i4", size))
        products.append(np.frombuffer(entries, "<f4", size, offset=size * 4) * np.float32(weights[term]))
    every = np.concatenate(numbers)
    if not len(every):
        return np.zeros(0, np.int64)
    order = np.argsort(every, kind="stable")
    ordered = every[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums, found = np.add.reduceat(np.concatenate(products)[order], starts), ordered[starts]
    some = np.argpartition(-sums, count - 1)[:count] if len(sums) > count else np.arange(len(sums))
    return found[some[np.lexsort((found[some], -sums[some]))]].astype(np.int64)
