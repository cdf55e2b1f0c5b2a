"""Loads a snapshot as a generation, beside the live one, and verifies it before it can become that.

Killed, it leaves nothing that anybody looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from pgvector import HalfVector
from recommend.errors import SnapshotError
from recommend.index.packing import pack
from recommend.index.pgvector import schema
from recommend.index.pgvector.generations import confirm, drop, held, prepare_catalog, record
from recommend.index.pgvector.rows import LISTS, Listed, copy, copy_elsewhere, copy_segment
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.shards import Shard
from recommend.index.pgvector.statistics import STATISTICS
from recommend.index.segment import SMALLEST_INDEXED
from recommend.index.snapshot.open import Snapshot
from recommend.index.snapshot.recall import sampled_recall
from recommend.settings import Settings

IntArray = NDArray[np.int64]


def load(
    servers: Servers,
    snapshot: Snapshot,
    settings: Settings,
    *,
    lists: Callable[[], Iterable[Listed]] = tuple,
    on_stage: Callable[[str], None] = lambda _: None,
) -> float:
    """Writes a snapshot to servers as a generation of its name, whole and verified, without making it live; to each its
    shard, unless that is there.

    Args:
        servers: where to.
        snapshot: what.
        settings: how it is verified, and what memory the graph may take while it is made.
        lists: gives the ready ones, once for each server.
        on_stage: called with a few words when a stage begins.

    Returns:
        The least sampled recall@10 of dense search there against exact search.

    Raises:
        SnapshotError: when verification fails; nothing is left behind then.
        StoreUnreachableError: when a server refuses.
    """
    name, recalls = snapshot.manifest.name, [1.0]
    for server in servers:
        prepare_catalog(server)
        server.close()  # connections from before the extension do not know vectors
    whole = (any(one.manifest.name == name and one.verified for one in held(servers, i)) for i in range(len(servers)))
    lacking = [number for number, there in enumerate(whole) if not there]
    on_stage("copying to PostgreSQL")
    for number in lacking:
        _copy(servers[number], snapshot, Shard.of(snapshot.segment, number, len(servers)), lists)
    on_stage("indexing embeddings in PostgreSQL")
    with ThreadPoolExecutor(len(servers)) as threads:
        [*threads.map(lambda number: _index(servers[number], name, settings.pgvector.memory), lacking)]
    on_stage("checking the generation")
    for number in lacking:
        shard = Shard.of(snapshot.segment, number, len(servers))
        try:
            recalls.append(_verify(servers[number], snapshot, shard, settings))
        except SnapshotError:
            for one in lacking:
                drop(servers[one], name)
            raise
        of, accesses = (number, len(servers)), snapshot.segment.accesses
        with servers[number].writing() as cursor:
            record(cursor, snapshot.manifest, accesses, step=0, shard=of, articles=len(shard.numbers))
        confirm(servers[number], name)
    return min(recalls)


def _copy(server: Server, snapshot: Snapshot, shard: Shard, lists: Callable[[], Iterable[Listed]]) -> None:
    name = snapshot.manifest.name
    own = np.zeros(len(snapshot.segment), np.bool_)
    own[shard.numbers] = True
    drop(server, name)
    with server.writing() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(schema.schema_of(name)))
        cursor.execute(schema.tables(name, snapshot.manifest.dimension))
        copy_segment(cursor, name, shard.segment, shard.numbers)
        copy_elsewhere(cursor, name, ((one, pack(snapshot.segment, one)) for one in shard.elsewhere.tolist()))
        copy(cursor, name, "lists", LISTS, (one for one in lists() if own[one[0]]))
        copy(cursor, name, "statistics", {"file": "text", "content": "bytea"}, _statistics(snapshot))


def _index(server: Server, name: str, memory: str) -> None:
    with server.writing() as cursor:
        cursor.execute(sql.SQL("SET LOCAL maintenance_work_mem = {}").format(sql.Literal(memory)))
        cursor.execute(schema.keys(name))
        ((count,),) = cursor.execute(sql.SQL("SELECT count(*) FROM {}.rows").format(schema.schema_of(name))).fetchall()
        if count >= SMALLEST_INDEXED:
            cursor.execute(schema.graph(name))
    with server.autocommitting() as cursor:
        for table in ("rows", "records", "parts", "lists"):
            cursor.execute(sql.SQL("VACUUM (ANALYZE) {}.{}").format(schema.schema_of(name), sql.Identifier(table)))


def _verify(server: Server, snapshot: Snapshot, shard: Shard, settings: Settings) -> float:
    name, count = snapshot.manifest.name, len(shard.numbers)
    counts = server.ask(
        sql.SQL(
            "SELECT (SELECT count(*) FROM {0}.articles), (SELECT count(*) FROM {0}.records),"
            " (SELECT sum(length(entries)) FROM {0}.postings)"
        ).format(schema.schema_of(name))
    )[0]
    wanted = (count, count + len(shard.elsewhere), 8 * shard.segment.matrix.rows.nnz or None)
    if counts != wanted:
        raise SnapshotError(f"generation {name}: {server.name} holds {counts} rows and bytes != {wanted}")
    recall = sampled_recall(
        _Graph(server, name, shard.numbers),
        shard.segment.embeddings,
        settings.indexing.verify_sample,
        settings.ranking.candidates,
    )
    if recall < settings.pgvector.verify_recall:
        raise SnapshotError(
            f"generation {name}: recall@10 of the graph is {recall:.4f} < {settings.pgvector.verify_recall}; lower "
            "pgvector.verify_recall or raise ranking.candidates"
        )
    return recall


class _Graph:
    """Searches a generation as a FAISS index is searched."""

    def __init__(self, server: Server, name: str, numbers: IntArray) -> None:
        self._server = server
        self._numbers = numbers
        self._statement = sql.SQL(
            "SELECT number FROM {}.articles ORDER BY embedding <#> %(vector)s LIMIT %(count)s"
        ).format(schema.schema_of(name))

    def search(self, query: NDArray[np.float32], k: int) -> IntArray:
        rows = self._server.ask(self._statement, {"vector": HalfVector(query), "count": k}, effort=k)
        return np.searchsorted(self._numbers, np.array([number for (number,) in rows], np.int64))


def _statistics(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    root = snapshot.layout.snapshot(snapshot.manifest.name).root
    for name in sorted(snapshot.manifest.sha256):
        if STATISTICS.fullmatch(name):
            yield name, (root / name).read_bytes()
