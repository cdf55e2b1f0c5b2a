"""The columns of an article table that hold few distinct values, by code."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.index.cells import Codes, numbers

_NAMES = ("section", "language", "site", "genre", "access")


class CodedColumns:
    """Sections, languages, sites, genres and accesses of n rows."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._codes: dict[str, NDArray[np.int32]] = {}

    def value(self, name: str, row: int) -> str | None:
        """The value of a row, None where it has none."""
        return self._cells[name].get(row)

    def values(self, name: str) -> list[str]:
        """The distinct values, by code."""
        return self._cells[name].values

    def codes(self, name: str) -> NDArray[np.int32]:
        """(n,) the value of each row as an index into :meth:`values`, -1: none."""
        codes = self._codes.get(name)
        if codes is None:
            indices, codes = self._batch.column(name).indices, np.full(len(self._batch), -1, np.int32)
            codes[numbers(indices.is_valid().cast(pa.int8())).view(np.bool_)] = numbers(indices.drop_null())
            self._codes[name] = codes
        return codes

    def code(self, name: str, value: str | None) -> int:
        """The code of a value: -1 for None, -2 for one that no row has."""
        return -1 if value is None else self._positions[name].get(value, -2)

    @cached_property
    def _cells(self) -> dict[str, Codes]:
        return {name: Codes(self._batch.column(name)) for name in _NAMES}

    @cached_property
    def _positions(self) -> dict[str, dict[str, int]]:
        return {name: {value: code for code, value in enumerate(self.values(name))} for name in _NAMES}
