"""Single cells of an Arrow batch, read where they lie: a few are asked for by each answer, and a scalar of Arrow's own
takes several times as long to make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Texts:
    """The texts of a column, see ``pa.large_string``; those of ``pa.string`` are read likewise."""

    def __init__(self, column: pa.Array) -> None:
        _, offsets, data = column.buffers()
        self._valid = _validity(column)
        self._offsets = _numbers_of(offsets, "q" if column.type == pa.large_string() else "i")
        self._data = memoryview(b"" if data is None else data)
        self._first, self._count = column.offset, len(column)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> str:
        """The text of a row; empty where there is none."""
        at = self._first + row
        return str(self._data[self._offsets[at] : self._offsets[at + 1]], "utf-8")

    def get(self, row: int) -> str | None:
        """The text of a row, None where there is none."""
        at = self._first + row
        if self._valid is not None and not self._valid[at >> 3] >> (at & 7) & 1:
            return None
        return str(self._data[self._offsets[at] : self._offsets[at + 1]], "utf-8")


class Lists:
    """The lists of texts of a column, none of which is missing, see ``pa.large_list``."""

    def __init__(self, column: pa.Array) -> None:
        self._offsets = _numbers_of(column.buffers()[1], "q")
        self._texts = Texts(column.values)
        self._first = column.offset

    def __getitem__(self, row: int) -> list[str]:
        """The texts of a row."""
        at = self._first + row
        start, end = self._offsets[at], self._offsets[at + 1]
        return [self._texts[i] for i in range(start, end)] if end > start else []


class Codes:
    """The values of a dictionary column with codes of 32 bits."""

    def __init__(self, column: pa.DictionaryArray) -> None:
        indices = column.indices
        self._valid = _validity(indices)
        self._codes = _numbers_of(indices.buffers()[1], "i")
        self._first = indices.offset
        self.values: list[str] = column.dictionary.to_pylist()

    def get(self, row: int) -> str | None:
        """The value of a row, None where there is none."""
        at = self._first + row
        if self._valid is not None and not self._valid[at >> 3] >> (at & 7) & 1:
            return None
        value: str = self.values[self._codes[at]]
        return value


class Flags:
    """The truth values of a column, none of which is missing."""

    def __init__(self, column: pa.BooleanArray) -> None:
        bits = column.buffers()[1]
        self._bits = memoryview(b"" if bits is None else bits)
        self._first = column.offset

    def __getitem__(self, row: int) -> bool:
        """That of a row."""
        return _is_set(self._bits, self._first + row)


def numbers(column: pa.Array) -> NDArray[Any]:
    """The numbers of a column without nulls, where they lie. ``to_numpy``, as ``fill_null`` and whatever takes a
    scalar, would import pandas where there is one, which takes half a second."""
    read: NDArray[Any] = np.from_dlpack(column)
    return read


def _validity(column: pa.Array) -> memoryview | None:
    bits = column.buffers()[0]
    return None if bits is None or not column.null_count else memoryview(bits)


def _is_set(bits: memoryview, at: int) -> bool:
    return bool(bits[at >> 3] >> (at & 7) & 1)


def _numbers_of(buffer: pa.Buffer | None, kind: Any) -> memoryview:
    return memoryview(b"" if buffer is None else buffer).cast("B").cast(kind)
