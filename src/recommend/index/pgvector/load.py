"""Loads a snapshot as a generation, beside the live one, and verifies it before it can become that.

Killed, it leaves nothing that anybody looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.errors import SnapshotError
from recommend.index.pgvector import schema
from recommend.index.pgvector.generations import confirm, drop, prepare_catalog, record
from recommend.index.pgvector.rows import LISTS, Listed, copy, copy_segment
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.statistics import STATISTICS
from recommend.index.segment import SMALLEST_INDEXED
from recommend.index.snapshot.build import sampled_recall
from recommend.index.snapshot.open import Snapshot
from recommend.settings import Settings

IntArray = NDArray[np.int64]


def load(
    server: Server,
    snapshot: Snapshot,
    settings: Settings,
    *,
    lists: Iterable[Listed] = (),
    on_stage: Callable[[str], None] = lambda _: None,
) -> float:
    """Writes a snapshot to a server as a generation of its name, whole and verified, without making it live.

    Args:
        server: where to.
        snapshot: what.
        settings: how it is verified, and what memory the graph may take while it is made.
        lists: ready ones.
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
        copy_segment(cursor, name, snapshot.segment)
        copy(cursor, name, "lists", LISTS, lists)
        copy(cursor, name, "statistics", {"file": "text", "content": "bytea"}, _statistics(snapshot))
    on_stage("indexing embeddings in PostgreSQL")
    with server.writing() as cursor:
        cursor.execute(sql.SQL("SET LOCAL maintenance_work_mem = {}").format(sql.Literal(settings.pgvector.memory)))
        cursor.execute(schema.keys(name))
        if len(snapshot.segment) >= SMALLEST_INDEXED:
            cursor.execute(schema.graph(name))
    with server.autocommitting() as cursor:
        for table in ("rows", "records", "parts", "lists"):
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
    with server.writing() as cursor:
        record(cursor, snapshot.manifest, segment.accesses, step=0)
    confirm(server, name)
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


def _statistics(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    root = snapshot.layout.snapshot(snapshot.manifest.name).root
    for name in sorted(snapshot.manifest.sha256):
        if STATISTICS.fullmatch(name):
            yield name, (root / name).read_bytes()
