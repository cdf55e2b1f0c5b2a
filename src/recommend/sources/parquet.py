"""Parquet, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from recommend.errors import SourceError
from recommend.sources.row import Reject, Row, check_columns, parse_cells, reject_cell

_BATCH_BYTES = 32 * 2**20
_BATCH_ROWS = 1024
_AS_TEXT = (
    pa.types.is_temporal,
    pa.types.is_decimal,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_EXACT = 2**53  # integers up to here survive being stored as a float


@dataclass(frozen=True, slots=True)
class _Unreadable:
    value: object
    reason: str


def read_parquet(file: Path | BinaryIO, source: str) -> Iterator[Row]:
    """One article a record; a null is an absent field.

    Moments may be timestamps (UTC when they have no zone), dates or ISO 8601 strings. A damaged row group costs the
    records in it.

    Raises:
        SourceError: it is not Parquet, or has no columns ``id`` and ``title``.
    """
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=2**20)
    except (OSError, pa.ArrowException) as problem:
        raise SourceError(f"{source} is not Parquet or is damaged: {problem}") from None
    with parquet:
        check_columns(parquet.schema_arrow.names, source)
        first = 0
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group)
            number = first
            first += size.num_rows
            rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * size.num_rows // max(1, size.total_byte_size)))
            try:
                for batch in parquet.iter_batches(rows, row_groups=[group], use_threads=False):
                    for cells in _rows(batch):
                        number += 1
                        yield _row(cells, source, number)
            except (OSError, pa.ArrowException) as problem:
                reason = f"cannot be read, nor the records up to {first}: {problem}"
                yield Reject(source, number + 1, None, None, "", reason)


def _row(cells: dict[str, object], source: str, number: int) -> Row:
    for name, value in cells.items():
        if isinstance(value, _Unreadable):
            return reject_cell({**cells, name: value.value}, name, source, number, value.reason)
    return parse_cells(cells, source, number)


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, object]]:
    names = batch.schema.names
    columns = [_values(name, column) for name, column in zip(names, batch.columns, strict=True)]
    for values in zip(*columns, strict=True):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _values(name: str, column: pa.Array[Any]) -> list[object]:
    """The cells of a column as JSON knows them."""
    column = _as_text(column)
    values: list[object]
    try:
        values = column.to_pylist(maps_as_pydicts="strict")
    except (ValueError, KeyError, OverflowError):
        values = [_value(cell) for cell in column]
    if pa.types.is_floating(column.type):
        return [_number(value, whole=name == "id") for value in values]
    return [str(value) if isinstance(value, UUID) else value for value in values]


def _as_text(column: pa.Array[Any]) -> pa.Array[Any]:
    """Moments, decimals and bytes as text: any year, any zone, any precision, and bad UTF-8 found cell by cell."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pa.timestamp(kind.unit, "UTC"))
    if any(is_kind(kind) for is_kind in _AS_TEXT):
        return column.cast(pa.large_string(), safe=False)
    return column


def _value(cell: pa.Scalar[Any]) -> object:
    try:
        return cell.as_py(maps_as_pydicts="strict")
    except UnicodeDecodeError as problem:
        return _Unreadable(problem.object, f"is not valid UTF-8: byte 0x{problem.object[problem.start]:02x}")
    except (ValueError, KeyError, OverflowError) as problem:
        return _Unreadable(None, f"cannot be read: {problem}")


def _number(value: object, *, whole: bool) -> object:
    """NaN is how pandas writes a null, and floats how it writes integers beside one."""
    if not isinstance(value, float) or math.isnan(value):
        return None
    if not whole:
        return value
    if abs(value) > _EXACT:
        return _Unreadable(value, "is a float too large to be exact: write ids as strings")
    return int(value) if value.is_integer() else value
