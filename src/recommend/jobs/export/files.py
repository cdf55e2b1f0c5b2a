"""Files that appear whole or not at all, written from Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from recommend.errors import SettingsError
from recommend.files import Kind, first_line, starts_with, whole

ENDINGS = (".parquet", ".jsonl")
FLAT_ENDINGS = (*ENDINGS, ".csv")
"""Of tables without lists."""

_ROWS_A_TABLE = 50_000


def check_ending(path: Path, endings: Sequence[str] = ENDINGS) -> None:
    """Looks whether :func:`write` can write such a file.

    Raises:
        SettingsError: when it ends otherwise.
    """
    if path.suffix not in endings:
        raise SettingsError(f"export file {path.name!r} ends neither in {' nor in '.join(endings)}")


def table_kind(name: str, schema: pa.Schema) -> Kind:
    """The kind of output that :func:`write` makes of tables of a schema."""
    return Kind(name, partial(_has_columns, names=schema.names))


def write(tables: Iterable[pa.Table], path: Path, schema: pa.Schema) -> int:
    """Writes tables to a .parquet file, one row group each, to a .jsonl file, or, where they are flat, to a .csv file.

    Returns:
        The number of rows.
    """
    count = 0
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            with pq.ParquetWriter(file, schema) as writer:
                for table in tables:
                    writer.write_table(table)
                    count += len(table)
        elif path.suffix == ".csv":
            with pyarrow.csv.CSVWriter(file, schema) as writer:
                for table in tables:
                    writer.write_table(table)
                    count += len(table)
        else:
            for table in tables:
                for row in table.to_pylist():
                    file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
                count += len(table)
    return count


def write_rows(rows: Iterable[dict[str, object]], path: Path, schema: pa.Schema) -> int:
    """Writes flat rows to a .parquet, .jsonl or .csv file, which appears whole or not at all.

    Returns:
        The number of rows.

    Raises:
        SettingsError: for another ending.
    """
    check_ending(path, FLAT_ENDINGS)
    with whole(path) as temp_path:
        return write(_tables(rows, schema), temp_path, schema)


def _has_columns(path: Path, names: list[str]) -> bool:
    if starts_with(path, b"PAR1"):
        try:
            return bool(pq.read_schema(path).names == names)
        except pa.ArrowInvalid:
            return False
    line = first_line(path)
    if line.rstrip("\n") == ",".join(f'"{name}"' for name in names):
        return True
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and [*row] == names


def _tables(rows: Iterable[dict[str, object]], schema: pa.Schema) -> Iterator[pa.Table]:
    remaining = iter(rows)
    while some := list(islice(remaining, _ROWS_A_TABLE)):
        yield pa.Table.from_pylist(some, schema)
