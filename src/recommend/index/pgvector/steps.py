"""Steps: what changed since a generation, brought to its tables; articles that did not change are shared.

The statistics of the corpus (vocabulary, rarity, mean, projection) stay those of the base, so that an article is what
workers made of it when it changed. Killed, a step leaves nothing that anybody looks at, and the next one clears up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from recommend.index.expansion import NEIGHBOUR_COUNT
from recommend.index.pgvector import schema
from recommend.index.pgvector.generations import LOCK, Generation, generations, record
from recommend.index.pgvector.rows import copy_segment
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.query import Prepared
from recommend.index.segment import Segment
from recommend.index.snapshot.layout import Manifest

_MOST = 2_147_483_647


def bring(
    server: Server,
    before: Generation,
    manifest: Manifest,
    changed: Mapping[str, Prepared],
    gone: Sequence[int],
    beside: Segment,
) -> None:
    """Writes the next step after a generation, in one transaction, without making it live.

    Args:
        server: where.
        before: the generation that changed; steps after it, which were gone back from or never verified, end here.
        manifest: of the new generation; ``base`` is that of ``before``.
        changed: the articles as they are now, prepared by ``before``, by id.
        gone: numbers of all of its articles that changed.
        beside: a segment of its dimensions, terms and labels.

    Raises:
        StoreUnreachableError: when the server refuses.
    """
    base, step = before.base, before.step + 1
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        _withdraw(cursor, server, before)
        cursor.execute(_of("UPDATE {}.rows SET until = %s WHERE number = ANY(%s)", base), (step, list(gone)))
        (first,) = cursor.execute(_of("SELECT COALESCE(max(number), -1) + 1 FROM {}.rows", base)).fetchone()
        if changed:
            numbers = _numbers(cursor, before.manifest.name, changed)
            copy_segment(cursor, base, _segment(changed, numbers, int(first), beside), first=int(first), since=step)
        cursor.execute(schema.views(manifest.name, base, step))
        accesses = before.accesses | {one.article.access.value for one in changed.values()}
        record(cursor, manifest, accesses, step=step)
    with server.autocommitting() as cursor:
        cursor.execute(_of("ANALYZE {}.rows", base))


def withdraw(server: Server, before: Generation) -> None:
    """Takes back all steps after a generation: what failed verification, or was gone back from.

    Raises:
        StoreUnreachableError: when the server refuses.
    """
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        _withdraw(cursor, server, before)


def _withdraw(cursor: Any, server: Server, before: Generation) -> None:
    later = [one for one in generations(server) if one.base == before.base and one.step > before.step]
    for one in later:
        cursor.execute(f"DELETE FROM {CATALOG}.generations WHERE name = %s", (one.manifest.name,))
        cursor.execute(_of("DROP SCHEMA IF EXISTS {} CASCADE", one.manifest.name))
    if later:
        step, base = before.step, before.base
        added = _of("DELETE FROM {0}.records WHERE number IN (SELECT number FROM {0}.rows WHERE since > %s)", base)
        cursor.execute(added, (step,))
        cursor.execute(_of("DELETE FROM {}.rows WHERE since > %s", base), (step,))
        cursor.execute(_of("DELETE FROM {}.parts WHERE since > %s", base), (step,))
        ended = _of("UPDATE {}.rows SET until = %s WHERE until > %s AND until < %s", base)
        cursor.execute(ended, (_MOST, step, _MOST))


def _numbers(cursor: Any, name: str, changed: Mapping[str, Prepared]) -> dict[str, int]:
    """The numbers of all neighbours, by id."""
    ids = sorted({one for prepared in changed.values() for one in prepared.neighbours})
    return dict(cursor.execute(_of("SELECT id, number FROM {}.articles WHERE id = ANY(%s)", name), (ids,)).fetchall())


def _segment(changed: Mapping[str, Prepared], numbers: Mapping[str, int], first: int, beside: Segment) -> Segment:
    """The changed articles, those without enough neighbours beside themselves."""
    ordered = [changed[one] for one in sorted(changed)]
    neighbours: NDArray[np.int32] = np.repeat(
        first + np.arange(len(ordered), dtype=np.int32)[:, None], NEIGHBOUR_COUNT, axis=1
    )
    for row, one in enumerate(ordered):
        known = [numbers[neighbour] for neighbour in one.neighbours]
        neighbours[row, : len(known)] = known
    lengths = np.array([one.length for one in ordered], np.float32)
    return replace(Segment.of(ordered, beside), neighbours=neighbours, lengths=lengths)


def _of(statement: str, name: str) -> sql.Composed:
    return sql.SQL(statement).format(schema.schema_of(name))
