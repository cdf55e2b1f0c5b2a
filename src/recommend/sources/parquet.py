"""Parquet, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommend.errors import SourceError
from recommend.sources.columns import Columns
from recommend.sources.limits import LINE_LIMIT, RATIO, RATIO_FROM, VALUES
from recommend.sources.row import Reject, Row, reject_cell
from recommend.sources.stream import oversize

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
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_map)
_VIEWS = (pa.types.is_string_view, pa.types.is_binary_view)
_TEXTS = (*_VIEWS, pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
_EXACT = 2**53  # integers up to here survive being stored as a float
_VALUE = 8  # bytes that a value takes at least

Sizes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Unreadable:
    value: object
    reason: str


def read_parquet(file: Path | BinaryIO, source: str, columns: Columns | None = None) -> Iterator[Row]:
    """One article a record; a null is an absent field.

    Moments may be timestamps (UTC when they have no zone), dates, numbers since 1970 or texts. A damaged row group
    costs the records in it, and so does one that holds out of all proportion more than the file; a record that is
    larger than one may be costs itself.

    Raises:
        SourceError: it is not Parquet, or has no column that is the title.
    """
    try:
        parquet, probe = _opened(file)
    except (OSError, pa.ArrowException) as problem:
        raise SourceError(f"{source} is not Parquet or is damaged: {problem}") from None
    columns = columns or Columns()
    with parquet, probe:
        names = columns.header(parquet.schema_arrow.names, source)
        first = 0
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group)
            number = first
            first += size.num_rows
            try:
                most = max(RATIO_FROM, RATIO * _packed(size))
                for batch in parquet.iter_batches(_rows_at_once(probe, group), row_groups=[group], use_threads=False):
                    for cells, spelled in _rows(batch, names):
                        most -= spelled
                        if most < 0:
                            raise _OversizedError(f"they unpack to more than {RATIO} times their size")
                        number += 1
                        if cells is None:
                            yield Reject(source, number, None, None, "", oversize(spelled))
                        else:
                            yield from _row(cells, source, number, columns)
            except (OSError, pa.ArrowException, _OversizedError) as problem:
                reason = f"cannot be read, nor the records up to {first}: {problem}"
                yield Reject(source, number + 1, None, None, "", reason)


class _OversizedError(Exception):
    """A row group holds more than one may."""


def _opened(file: Path | BinaryIO) -> tuple[pq.ParquetFile, pq.ParquetFile]:
    """A file to read, and once more to look how long the values are that many rows may share.

    Texts within lists are read as dictionaries, as there even one row may share a value with itself a million times.
    """
    with pq.ParquetFile(file, pre_buffer=False) as plain:
        columns = [plain.schema.column(index) for index in range(len(plain.schema))]
        texts = {True: list[str](), False: list[str]()}
        for column in columns:
            if column.physical_type == "BYTE_ARRAY":
                texts[column.max_repetition_level > 0].append(column.path)
    return (
        pq.ParquetFile(file, pre_buffer=False, buffer_size=2**20, read_dictionary=texts[True]),
        pq.ParquetFile(file, pre_buffer=False, buffer_size=2**20, read_dictionary=texts[False]),
    )


def _packed(group: Any) -> int:
    """Bytes of a row group as they lie in the file.

    Raises:
        _OversizedError: it says itself that it is larger than one may be.
    """
    for index in range(group.num_columns):
        column = group.column(index)
        unpacked = column.total_uncompressed_size
        if unpacked > max(RATIO_FROM, RATIO * column.total_compressed_size):
            name = column.path_in_schema
            raise _OversizedError(f"column {name} unpacks to {unpacked:,} bytes, more than {RATIO} times its size")
        if column.num_values > max(VALUES, group.num_rows):
            raise _OversizedError(
                f"column {column.path_in_schema} has {column.num_values:,} values, more than {VALUES:,}"
            )
    return sum(group.column(index).total_compressed_size for index in range(group.num_columns))


def _rows_at_once(probe: pq.ParquetFile, number: int) -> int:
    group: Any = probe.metadata.row_group(number)
    columns: list[Any] = [group.column(index) for index in range(group.num_columns)]
    size = max([1, group.total_byte_size, *(column.num_values * _VALUE for column in columns)])
    lists = {column.path for column in map(probe.schema.column, range(len(columns))) if column.max_repetition_level}
    shared = [c.path_in_schema for c in columns if c.has_dictionary_page and c.path_in_schema not in lists]
    longest = 1
    if shared:
        first = next(probe.iter_batches(1, row_groups=[number], columns=shared, use_threads=False), None)
        longest += 0 if first is None else sum(_longest(column) for column in first.columns)
    fitting = min(_BATCH_BYTES * group.num_rows // size, _BATCH_BYTES // longest)
    return max(1, min(_BATCH_ROWS, int(fitting)))


def _longest(column: Any) -> int:
    """Bytes of the longest text of a dictionary, in a column or the fields below it."""
    if pa.types.is_struct(column.type):
        return sum(_longest(field) for field in column.flatten())
    sizes = _sizes(column.dictionary) if isinstance(column, pa.DictionaryArray) else np.zeros(1)
    return int(sizes.max(initial=0))


def _row(cells: dict[str, object], source: str, number: int, columns: Columns) -> Iterator[Row]:
    for name, value in cells.items():
        if isinstance(value, _Unreadable):
            yield reject_cell({**cells, name: value.value}, name, source, number, value.reason)
            return
    yield from columns.cell_rows(cells, source, number)


def _rows(batch: pa.RecordBatch, names: list[str]) -> Iterator[tuple[dict[str, object] | None, int]]:
    """The cells of each record by name, None for one that is too large, and its size."""
    sizes = sum((_sizes(column) for column in batch.columns), np.zeros(len(batch), np.int64))
    start = 0
    while start < len(batch):
        if sizes[start] > LINE_LIMIT:
            yield None, int(sizes[start])
            start += 1
            continue
        fits = np.cumsum(np.where(sizes[start:] > LINE_LIMIT, _BATCH_BYTES + 1, sizes[start:])) <= _BATCH_BYTES
        end = start + max(1, int(fits.argmin()) if not fits.all() else len(fits))
        columns = [_values(name, column[start:end]) for name, column in zip(names, batch.columns, strict=True)]
        for size, values in zip(sizes[start:end].tolist(), zip(*columns, strict=True), strict=True):
            yield {name: value for name, value in zip(names, values, strict=True) if value is not None}, size
        start = end


def _sizes(column: Any) -> Sizes:
    """Bytes of each cell of a column once it is spelled out, roughly: (rows,) int64."""
    kind = column.type
    fixed: Sizes = np.full(len(column), _VALUE, np.int64)
    sizes: Any = fixed
    if isinstance(column, pa.DictionaryArray):
        each = np.append(_sizes(column.dictionary), 0)  # the last for nulls
        sizes = each[column.indices.fill_null(len(each) - 1).to_numpy(zero_copy_only=False)] + fixed
    elif isinstance(column, pa.ExtensionArray):
        sizes = _sizes(column.storage)
    elif pa.types.is_struct(kind):
        sizes = sum((_sizes(field) for field in column.flatten()), fixed)
    elif any(is_kind(kind) for is_kind in _LISTS):
        inner = _sizes(column.keys) + _sizes(column.items) if pa.types.is_map(kind) else _sizes(column.values)
        ends = np.concatenate([[0], np.cumsum(inner)])[column.offsets.to_numpy(zero_copy_only=False)]
        sizes = ends[1:] - ends[:-1] + fixed
    elif pa.types.is_fixed_size_list(kind):
        sizes = fixed * (1 + kind.list_size)
    elif any(is_kind(kind) for is_kind in _TEXTS):
        texts = column.cast(pa.large_binary()) if any(is_kind(kind) for is_kind in _VIEWS) else column
        sizes = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64) + fixed
    return cast(Sizes, sizes)


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
