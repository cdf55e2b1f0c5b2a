"""The tags or authors of many articles as numbers, so that who has one of some is told of any of them at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class LabelCodes:
    """The labels of n articles."""

    def __init__(self, column: pa.Array) -> None:
        """
        Args:
            column: a list of labels for each article.
        """
        encoded = column.flatten().dictionary_encode()
        offsets = np.from_dlpack(column.offsets)
        self._offsets: IntArray = offsets - offsets[0]
        self._codes = np.from_dlpack(encoded.indices)
        self._places = {label: code for code, label in enumerate(encoded.dictionary.to_pylist())}

    @property
    def labels(self) -> list[str]:
        """The distinct labels."""
        return list(self._places)

    def having(self, labels: Iterable[str], rows: IntArray | None = None) -> BoolArray:
        """Which of the articles at some rows, or of all, have one of some labels."""
        wanted = [self._places[label] for label in labels if label in self._places]
        count = len(self._offsets) - 1 if rows is None else len(rows)
        if not wanted:
            return np.zeros(count, np.bool_)
        flags = np.zeros(len(self._places), np.bool_)
        flags[wanted] = True
        if rows is None:
            places = np.flatnonzero(flags[self._codes])
            mask = np.zeros(count, np.bool_)
            mask[np.searchsorted(self._offsets, places, side="right") - 1] = True
            return mask
        starts, lengths = self._offsets[rows], self._offsets[rows + 1] - self._offsets[rows]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if count else 0) + np.repeat(starts - (ends - lengths), lengths)
        marked: BoolArray = np.bincount(np.repeat(np.arange(count), lengths), flags[self._codes[places]], count) > 0
        return marked
