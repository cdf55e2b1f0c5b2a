"""Articles of a segment as rows of a generation's tables, copied in binary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.articles.languages import primary_language
from recommend.index.dates import MISSING
from recommend.index.packing import pack
from recommend.index.pgvector import postings, schema
from recommend.index.records import card_bytes
from recommend.index.segment import Segment

IntArray = NDArray[np.int64]

_BLOCK = 4_096
_ROWS = {
    "number": "int4",
    "since": "int4",
    "id": "text",
    "published_at": "int8",
    "expires_at": "int8",
    "section": "text",
    "language": "text",
    "site": "text",
    "genre": "text",
    "access": "text",
    "evergreen": "bool",
    "tags": "text[]",
    "duplicates": "int8",
    "embedding": "halfvec",
}
_RECORDS = {"number": "int4", "neighbours": "int4[]", "vectors": "bytea", "card": "bytea"}
Listed = tuple[int, bytes, list[int], bytes]
"""A ready list: of which number, by what it was made, the numbers on it, and it itself."""
LISTS = {"number": "int4", "made_by": "bytea", "candidates": "int4[]", "list": "bytea"}
_PARTS = {"term": "int4", "since": "int4", "part": "int4", "entries": "bytea"}


def copy_segment(cursor: Any, base: str, segment: Segment, numbers: IntArray, *, since: int = 0) -> None:
    """Adds the articles of a segment to the tables of a generation.

    Args:
        cursor: in the transaction that is to hold them.
        base: name of that generation.
        segment: of n articles; ``neighbours`` holds numbers.
        numbers: (n,) theirs.
        since: the step from which on they hold.
    """
    copy(cursor, base, "rows", _ROWS, _rows(segment, numbers, since))
    copy(cursor, base, "records", _RECORDS, _records(segment, numbers))
    copy(cursor, base, "parts", _PARTS, postings.parts(segment.matrix, numbers, since))


def copy_elsewhere(cursor: Any, base: str, vectors: Iterable[tuple[int, bytes]]) -> None:
    """Adds what is packed of articles of other shards, by their numbers, for their neighbours here."""
    copy(cursor, base, "records", _RECORDS, ((number, [], packed, b"") for number, packed in vectors))


def copy(cursor: Any, base: str, table: str, columns: dict[str, str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Adds rows to a table; ``columns`` are its columns and their types, in the order of values."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {}.{} ({}) FROM STDIN (FORMAT BINARY)").format(
        schema.schema_of(base), sql.Identifier(table), names
    )
    with cursor.copy(statement) as target:
        target.set_types([*columns.values()])
        for row in rows:
            target.write_row(row)


def _rows(segment: Segment, numbers: IntArray, since: int) -> Iterator[tuple[Any, ...]]:
    """By date, so that those near in time lie together."""
    table = segment.table
    languages = [primary_language(value) or None for value in table.values("language")]
    codes = table.codes("language")
    order: NDArray[np.int64] = np.lexsort((np.arange(len(table)), table.published_at))
    for row in order.tolist():
        yield (
            int(numbers[row]),
            since,
            table.id(row),
            _moment(table.published_at[row]),
            _moment(table.expires_at[row]),
            table.value("section", row),
            None if codes[row] < 0 else languages[codes[row]],
            table.value("site", row),
            table.value("genre", row),
            table.value("access", row),
            bool(table.evergreen[row]),
            table.tags(row),
            int(segment.groups[row].astype(np.int64)),
            HalfVector(segment.embeddings[row]),
        )


def _records(segment: Segment, numbers: IntArray) -> Iterator[tuple[Any, ...]]:
    batch = segment.table.batch
    assert segment.neighbours is not None
    for start in range(0, len(segment), _BLOCK):
        for row, card in enumerate(batch.slice(start, _BLOCK).to_pylist(), start=start):
            yield int(numbers[row]), segment.neighbours[row].tolist(), pack(segment, row), card_bytes(card)


def _moment(value: np.int64) -> int | None:
    return None if value == MISSING else int(value)
