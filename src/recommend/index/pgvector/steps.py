"""Steps: what changed since a generation, brought to its tables; articles that did not change are shared.

The statistics of the corpus (vocabulary, rarity, mean, projection) stay those of the base, so that an article is what
workers made of it when it changed. Killed, a step leaves nothing that anybody looks at, and the next one clears up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from recommend.index.expansion import NEIGHBOUR_COUNT
from recommend.index.pgvector import schema
from recommend.index.pgvector.generations import LOCK, Generation, held, record
from recommend.index.pgvector.rows import copy_elsewhere, copy_segment
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.shards import shard_of
from recommend.index.query import Prepared
from recommend.index.segment import Segment
from recommend.index.snapshot.layout import Manifest

IntArray = NDArray[np.int64]

_MOST = 2_147_483_647


def bring(
    servers: Servers,
    before: Generation,
    manifest: Manifest,
    changed: Mapping[str, Prepared],
    gone: Sequence[int],
    beside: Segment,
) -> None:
    """Writes the next step after a generation, to each server its shard in one transaction, without making it live.

    Args:
        servers: where.
        before: the generation that changed; steps after it, which were gone back from or never verified, end here.
        manifest: of the new generation; ``base`` is that of ``before``.
        changed: the articles as they are now, prepared by ``before``, by id.
        gone: numbers of all of its articles that changed.
        beside: a segment of its dimensions, terms and labels.

    Raises:
        StoreUnreachableError: when a server refuses.
    """
    withdraw(servers, before)
    name, base, step, count = before.manifest.name, before.base, before.step + 1, len(servers)
    largest = _of("SELECT COALESCE(max(number), -1) FROM {}.records", base)
    first = 1 + max(int(server.ask(largest)[0][0]) for server in servers)
    own = {one: first + place for place, one in enumerate(sorted(changed))}
    numbers = _numbers(servers, name, {one for prepared in changed.values() for one in prepared.neighbours})
    accesses = before.accesses | {one.article.access.value for one in changed.values()}
    for number, server in enumerate(servers):
        mine = {one: prepared for one, prepared in changed.items() if shard_of(one, count) == number}
        segment = _segment(mine, own, numbers, beside) if mine else None
        copied = [] if segment is None else _elsewhere(servers, server, base, segment.neighbours, first)
        with server.writing() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            cursor.execute(_of("UPDATE {}.rows SET until = %s WHERE number = ANY(%s)", base), (step, list(gone)))
            if segment is not None:
                places = np.array([own[one] for one in sorted(mine)], np.int64)
                copy_segment(cursor, base, segment, places, since=step)
                copy_elsewhere(cursor, base, copied)
            cursor.execute(schema.views(manifest.name, base, step))
            counted = _of("SELECT count(*) FROM {}.articles", manifest.name)
            ((articles,),) = cursor.execute(counted).fetchall()
            record(cursor, manifest, accesses, step=step, shard=(number, count), articles=articles)
        with server.autocommitting() as cursor:
            cursor.execute(_of("ANALYZE {}.rows", base))


def withdraw(servers: Servers, before: Generation) -> None:
    """Takes back all steps after a generation: what failed verification, was gone back from, or not brought to every
    server.

    Raises:
        StoreUnreachableError: when a server refuses.
    """
    for number, server in enumerate(servers):
        later = [one for one in held(servers, number) if one.base == before.base and one.step > before.step]
        if later:
            _withdraw(server, before, [one.manifest.name for one in later])
    if len(servers) > 1:  # copies of what was withdrawn, whose numbers others are to have
        largest = _of("SELECT COALESCE(max(number), -1) FROM {}.rows", before.base)
        last = max(int(server.ask(largest)[0][0]) for server in servers)
        for server in servers:
            with server.writing() as cursor:
                cursor.execute(_of("DELETE FROM {}.records WHERE number > %s", before.base), (last,))


def _withdraw(server: Server, before: Generation, later: Sequence[str]) -> None:
    step, base = before.step, before.base
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        # live on this server where a switch was killed before the first one
        cursor.execute(f"UPDATE {CATALOG}.live SET name = %s WHERE name = ANY(%s)", (before.manifest.name, list(later)))
        for name in later:
            cursor.execute(f"DELETE FROM {CATALOG}.generations WHERE name = %s", (name,))
            cursor.execute(_of("DROP SCHEMA IF EXISTS {} CASCADE", name))
        added = _of("DELETE FROM {0}.records WHERE number IN (SELECT number FROM {0}.rows WHERE since > %s)", base)
        cursor.execute(added, (step,))
        cursor.execute(_of("DELETE FROM {}.rows WHERE since > %s", base), (step,))
        cursor.execute(_of("DELETE FROM {}.parts WHERE since > %s", base), (step,))
        ended = _of("UPDATE {}.rows SET until = %s WHERE until > %s AND until < %s", base)
        cursor.execute(ended, (_MOST, step, _MOST))


def _numbers(servers: Servers, name: str, ids: Iterable[str]) -> dict[str, int]:
    """The numbers of articles, by id."""
    statement, found = _of("SELECT id, number FROM {}.articles WHERE id = ANY(%(ids)s)", name), dict[str, int]()
    for server in servers:
        found.update(server.ask(statement, {"ids": sorted(ids)}))
    return found


def _elsewhere(
    servers: Servers, server: Server, base: str, neighbours: NDArray[np.int32] | None, first: int
) -> list[tuple[int, bytes]]:
    """What other servers have packed of neighbours that one lacks; those from ``first`` on are the articles' own."""
    wanted = np.unique(neighbours if neighbours is not None else ())
    statement = _of("SELECT number, vectors FROM {}.records WHERE number = ANY(%(numbers)s)", base)
    there = {number for number, _ in server.ask(statement, {"numbers": wanted.tolist()})}
    lacking = [number for number in wanted.tolist() if number < first and number not in there]
    found = dict[int, bytes]()
    for other in servers if lacking else ():
        found.update(other.ask(statement, {"numbers": lacking}))
    return sorted(found.items())


def _segment(
    changed: Mapping[str, Prepared], own: Mapping[str, int], numbers: Mapping[str, int], beside: Segment
) -> Segment:
    """The changed articles of a shard, those without enough neighbours beside themselves."""
    ordered = [changed[one] for one in sorted(changed)]
    places = np.array([own[one] for one in sorted(changed)], np.int32)
    neighbours: NDArray[np.int32] = np.repeat(places[:, None], NEIGHBOUR_COUNT, axis=1)
    for row, one in enumerate(ordered):
        known = [numbers[neighbour] for neighbour in one.neighbours]
        neighbours[row, : len(known)] = known
    lengths = np.array([one.length for one in ordered], np.float32)
    return replace(Segment.of(ordered, beside), neighbours=neighbours, lengths=lengths)


def _of(statement: str, name: str) -> sql.Composed:
    return sql.SQL(statement).format(schema.schema_of(name))
