"""Loads a snapshot as a generation, beside the live one, and verifies it before it can become that.

Killed, it leaves nothing that anybody looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.articles.languages import primary_language
from recommend.errors import SnapshotError
from recommend.index.dates import MISSING
from recommend.index.packing import pack
from recommend.index.pgvector import postings, schema
from recommend.index.pgvector.generations import drop, prepare_catalog
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.pgvector.statistics import STATISTICS
from recommend.index.records import card_bytes
from recommend.index.segment import SMALLEST_INDEXED
from recommend.index.snapshot.build import sampled_recall
from recommend.index.snapshot.open import Snapshot
from recommend.settings import Settings

IntArray = NDArray[np.int64]

_BLOCK = 4_096
_TYPES = ["int4", "text", "int8", "int8", *["text"] * 5, "bool", "text[]", "int8", "halfvec"]
_COLUMNS = (
    "number, id, published_at, expires_at, section, language, site, genre, access, evergreen, tags, duplicates,"
    " embedding"
)


def load(
    server: Server,
    snapshot: Snapshot,
    settings: Settings,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
) -> float:
    """Writes a snapshot to a server as a generation of its name, whole and verified, without making it live.

    Args:
        server: where to.
        snapshot: what.
        settings: how it is verified, and what memory the graph may take while it is made.
        on_stage: called with a few words when a stage begins.

    Returns:
        Sampled recall@10 of dense search there against exact search.

    Raises:
        SnapshotError: when verification fails; nothing is left behind then.
        StoreUnreachableError: when the server refuses.
    """
    name = snapshot.manifest.name
    prepare_catalog(server)
    server.close()  # connections from before the extension do not know vectors
    drop(server, name)
    on_stage("copying to PostgreSQL")
    with server.writing() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(schema.schema_of(name)))
        cursor.execute(schema.tables(name, snapshot.manifest.dimension))
    _copy(server, name, f"articles ({_COLUMNS})", _articles(snapshot), _TYPES)
    _copy(
        server,
        name,
        "records (number, neighbours, vectors, card)",
        _records(snapshot),
        ["int4", "int4[]", *["bytea"] * 2],
    )
    _copy(server, name, "postings", postings.parts(snapshot.segment.matrix), ["int4", "int4", "bytea"])
    _copy(server, name, "statistics", _statistics(snapshot), ["text", "bytea"])
    on_stage("indexing embeddings in PostgreSQL")
    with server.writing() as cursor:
        cursor.execute(sql.SQL("SET LOCAL maintenance_work_mem = {}").format(sql.Literal(settings.pgvector.memory)))
        cursor.execute(schema.keys(name))
        if len(snapshot.segment) >= SMALLEST_INDEXED:
            cursor.execute(schema.graph(name))
    with server.autocommitting() as cursor:
        for table in ("articles", "records", "postings"):
            cursor.execute(sql.SQL("VACUUM (ANALYZE) {}.{}").format(schema.schema_of(name), sql.Identifier(table)))
    on_stage("checking the generation")
    try:
        return _verify(server, snapshot, settings)
    except SnapshotError:
        drop(server, name)
        raise


def _verify(server: Server, snapshot: Snapshot, settings: Settings) -> float:
    name, segment = snapshot.manifest.name, snapshot.segment
    counts = server.ask(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {0}.articles), (SELECT count(*) FROM {0}.records),"
            " (SELECT sum(length(entries)) FROM {0}.postings)"
        ).format(schema.schema_of(name))
    )[0]
    wanted = (len(segment), len(segment), 8 * segment.matrix.rows.nnz or None)
    if counts != wanted:
        raise SnapshotError(f"generation {name}: {server.name} holds {counts} rows and bytes != {wanted}")
    recall = sampled_recall(
        _Graph(server, name), segment.embeddings, settings.indexing.verify_sample, settings.ranking.candidates
    )
    if recall < settings.pgvector.verify_recall:
        raise SnapshotError(
            f"generation {name}: recall@10 of the graph is {recall:.4f} < {settings.pgvector.verify_recall}; lower "
            "pgvector.verify_recall or raise ranking.candidates"
        )
    manifest = orjson.dumps(snapshot.manifest.model_dump(exclude_defaults=True))
    with server.writing() as cursor:
        cursor.execute(
            f"INSERT INTO {CATALOG}.generations VALUES (%s, %s, %s, %s, now())",
            (name, manifest, len(segment), sorted(segment.accesses)),
        )
    return recall


class _Graph:
    """Searches a generation as a FAISS index is searched."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._statement = sql.SQL(
            "SELECT number FROM {}.articles ORDER BY embedding <#> %(vector)s LIMIT %(count)s"
        ).format(schema.schema_of(name))

    def search(self, query: NDArray[np.float32], k: int) -> IntArray:
        rows = self._server.ask(self._statement, {"vector": HalfVector(query), "count": k}, effort=k)
        return np.array([number for (number,) in rows], np.int64)


def _copy(server: Server, name: str, table: str, rows: Iterator[tuple[Any, ...]], types: list[str]) -> None:
    statement = sql.SQL(f"COPY {{}}.{table} FROM STDIN (FORMAT BINARY)").format(schema.schema_of(name))
    with server.writing() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _articles(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    """Rows by date, so that those near in time lie together."""
    segment, table = snapshot.segment, snapshot.segment.table
    languages = [primary_language(value) or None for value in table.values("language")]
    order = np.lexsort((np.arange(len(table)), table.published_at))
    for start in range(0, len(order), _BLOCK):
        for row in order[start : start + _BLOCK].tolist():
            code = int(table.codes("language")[row])
            yield (
                row,
                table.id(row),
                _moment(table.published_at[row]),
                _moment(table.expires_at[row]),
                table.value("section", row),
                None if code < 0 else languages[code],
                table.value("site", row),
                table.value("genre", row),
                table.value("access", row),
                bool(table.evergreen[row]),
                table.tags(row),
                int(segment.groups[row].astype(np.int64)),
                HalfVector(segment.embeddings[row]),
            )


def _records(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    segment, batch = snapshot.segment, snapshot.segment.table.batch
    assert segment.neighbours is not None
    for start in range(0, len(segment), _BLOCK):
        for i, row in enumerate(batch.slice(start, _BLOCK).to_pylist(), start=start):
            yield i, segment.neighbours[i].tolist(), pack(segment, i), card_bytes(row)


def _statistics(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    root = snapshot.layout.snapshot(snapshot.manifest.name).root
    for name in sorted(snapshot.manifest.sha256):
        if STATISTICS.fullmatch(name):
            yield name, (root / name).read_bytes()


def _moment(value: np.int64) -> int | None:
    return None if value == MISSING else int(value)
