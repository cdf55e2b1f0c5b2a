"""Arrays as they are kept: mapped from files, and at half precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_SIGN_EXPONENT_MANTISSA = np.uint32(0x8FFFE000).astype(np.int32)
_FEW = 1_024  # are sooner converted by numpy
_BIASES_APART = np.float32(2.0**112)


def load_mmap(path: Path) -> NDArray[Any]:
    """A .npy file mapped into memory, read-only; never unpickled.

    A plain array, not a ``memmap``: slicing one of those costs several times as much.
    """
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return array


def to_float32(vectors: NDArray[np.floating]) -> FloatArray:
    """Finite float16 or float32 numbers as float32; numpy's own way from float16 takes five times as long.

    The bits of a float16, shifted to where a float32 has sign, exponent and mantissa, make a number that is too small
    by 2¹¹², as the biases of the exponents differ by 112.
    """
    if vectors.dtype != np.float16 or vectors.size <= _FEW:
        return np.asarray(vectors, np.float32)
    bits = np.ascontiguousarray(vectors).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_EXPONENT_MANTISSA
    wide = bits.view(np.float32)
    wide *= _BIASES_APART
    return wide


def union(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The different numbers of some arrays, ascending; of a few hundred in a tenth of the time of ``np.unique``."""
    numbers = np.sort(np.concatenate(parts))
    return numbers[np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))]


def unique_inverse(rows: NDArray[np.integer], count: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """``np.unique`` of rows below ``count`` with the place of each, in the shape of ``rows``; does not sort."""
    present = np.zeros(count, np.bool_)
    present[rows] = True
    values = np.flatnonzero(present)
    places = np.empty(count, np.int32)
    places[values] = np.arange(len(values), dtype=np.int32)
    return values, places[rows]
