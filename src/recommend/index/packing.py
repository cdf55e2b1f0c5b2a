"""One article's vectors as bytes, and those of many articles as matrices: what a database keeps and hands out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.index.expansion import NEIGHBOUR_COUNT
from recommend.index.segment import Segment

IntArray = NDArray[np.int64]

_WORD = np.dtype("<i4")
_COUNTS, _LENGTH, _GROUP, NEIGHBOURS = slice(5), slice(5, 6), slice(6, 8), slice(8, 8 + NEIGHBOUR_COUNT)
_HEADER = NEIGHBOURS.stop


@dataclass(frozen=True, slots=True)
class Vectors:
    """What was packed of n articles.

    Attributes:
        neighbours: (n, NEIGHBOUR_COUNT) int32 numbers in the generation.
        lengths: (n,) float32; ``groups`` (n,) uint64.
        matrices: terms, titles, tags, authors and backlinks.
    """

    neighbours: NDArray[np.int32]
    lengths: NDArray[np.float32]
    groups: NDArray[np.uint64]
    matrices: tuple[sparse.csr_array, sparse.csr_array, sparse.csr_array, sparse.csr_array, sparse.csr_array]


def pack(segment: Segment, row: int) -> bytes:
    """The vectors of a snapshot's article in words of four bytes: how many entries each has, length, group, neighbours,
    then of each the columns and their weights."""
    assert segment.neighbours is not None
    parts = []
    for matrix in (segment.matrix, segment.titles, segment.tags, segment.authors, segment.backlinks):
        span = slice(matrix.rows.indptr[row], matrix.rows.indptr[row + 1])
        parts.append((matrix.rows.indices[span].astype(_WORD), matrix.rows.data[span].astype("<f4")))
    header = np.empty(_HEADER, _WORD)
    header[_COUNTS] = [len(columns) for columns, _ in parts]
    header[_LENGTH] = segment.lengths[row : row + 1].astype("<f4").view(_WORD)
    header[_GROUP] = segment.groups[row : row + 1].astype("<u8").view(_WORD)
    header[NEIGHBOURS] = segment.neighbours[row]
    return b"".join([header.tobytes(), *(array.tobytes() for pair in parts for array in pair)])


def unpack(records: Sequence[bytes], widths: Sequence[int]) -> Vectors:
    """What :func:`pack` made of n articles; ``widths`` are those of the five matrices."""
    words = np.frombuffer(b"".join(records), _WORD)
    sizes = np.fromiter(map(len, records), np.int64, len(records)) // _WORD.itemsize
    starts = np.cumsum(sizes) - sizes
    header = words[starts[:, None] + np.arange(_HEADER)]
    at, matrices = starts + _HEADER, []
    for counts, width in zip(header[:, _COUNTS].T.astype(np.int64), widths, strict=True):
        indptr = np.concatenate([[0], np.cumsum(counts)])
        places = np.repeat(at - indptr[:-1], counts) + np.arange(indptr[-1])
        weights = words[places + np.repeat(counts, counts)].view("<f4")
        matrices.append(sparse.csr_array((weights, words[places], indptr), shape=(len(records), width)))
        at = at + 2 * counts
    terms, titles, tags, authors, backlinks = matrices
    lengths = np.ascontiguousarray(header[:, _LENGTH]).view("<f4").ravel()
    groups = np.ascontiguousarray(header[:, _GROUP]).view("<u8").ravel()
    return Vectors(header[:, NEIGHBOURS], lengths, groups, (terms, titles, tags, authors, backlinks))
