"""The generations on a server: which there are, which one is live, and the one transaction that switches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import sql

from recommend.errors import SnapshotError
from recommend.index.pgvector.schema import CATALOG_TABLES, schema_of
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.snapshot.layout import Manifest

LOCK = 7_265_636_112  # of whoever loads or switches; any number that others are unlikely to take


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation.

    Attributes:
        manifest: of the snapshot that it holds.
        accesses: those that any article of it has.
        step: how often changes were brought to its base, see :mod:`recommend.index.pgvector.steps`; 0 for one that was
            loaded whole.
        live: whether readers are answered from it.
        verified: whether all of it is there; ``published`` whether it was ever live.
    """

    manifest: Manifest
    accesses: frozenset[str]
    step: int
    live: bool
    verified: bool
    published: bool

    @property
    def base(self) -> str:
        """The name of the generation whose tables hold its rows."""
        return self.manifest.base or self.manifest.name


def prepare_catalog(server: Server) -> None:
    """Makes catalog and extension where they lack."""
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        cursor.execute(CATALOG_TABLES)


def live_name(server: Server) -> str | None:
    """The name of the live generation, None before the first is published.

    Raises:
        StoreUnreachableError: when the server cannot be asked.
    """
    if not server.ask("SELECT to_regclass(%(live)s) IS NOT NULL", {"live": f"{CATALOG}.live"})[0][0]:
        return None
    rows = server.ask(f"SELECT name FROM {CATALOG}.live")
    return str(rows[0][0]) if rows else None


def generations(server: Server) -> list[Generation]:
    """All of them, the latest revision first."""
    if not server.ask("SELECT to_regclass(%(live)s) IS NOT NULL", {"live": f"{CATALOG}.live"})[0][0]:
        return []
    rows = server.ask(
        "SELECT manifest, accesses, step, l.name IS NOT NULL, verified_at IS NOT NULL, published_at IS NOT NULL"
        f" FROM {CATALOG}.generations g LEFT JOIN {CATALOG}.live l USING (name) ORDER BY g.name DESC"
    )
    return [
        Generation(Manifest.model_validate_json(manifest), frozenset(accesses), step, live, verified, published)
        for manifest, accesses, step, live, verified, published in rows
    ]


def generation(server: Server, name: str) -> Generation:
    """The generation of a name.

    Raises:
        SnapshotError: when there is none that is whole.
    """
    for one in generations(server):
        if one.manifest.name == name and one.verified:
            return one
    raise SnapshotError(f"index {server.name} holds no whole generation {name}; run recommend reindex")


def record(cursor: Any, manifest: Manifest, accesses: Iterable[str], *, step: int) -> None:
    """Names a generation in the catalog, where nobody looks at it before :func:`confirm`."""
    told = orjson.dumps(manifest.model_dump(exclude_defaults=True))
    cursor.execute(
        f"INSERT INTO {CATALOG}.generations VALUES (%s, %s, %s, %s, %s)",
        (manifest.name, told, manifest.articles, sorted(accesses), step),
    )


def confirm(server: Server, name: str) -> None:
    """Notes that a generation was verified."""
    with server.writing() as cursor:
        cursor.execute(f"UPDATE {CATALOG}.generations SET verified_at = now() WHERE name = %s", (name,))


def switch(server: Server, name: str) -> None:
    """Makes a generation the live one, in one transaction: readers see the one before or this one.

    Raises:
        SnapshotError: when it is not there, or not whole.
    """
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        cursor.execute(
            f"UPDATE {CATALOG}.generations SET published_at = now() WHERE name = %s AND verified_at IS NOT NULL",
            (name,),
        )
        if not cursor.rowcount:
            raise SnapshotError(f"index {server.name} holds no whole generation {name}; run recommend reindex")
        cursor.execute(
            f"INSERT INTO {CATALOG}.live VALUES (1, %s) ON CONFLICT (singleton) DO UPDATE SET name = EXCLUDED.name",
            (name,),
        )


def drop(server: Server, name: str) -> None:
    """Removes a generation that is not live.

    Raises:
        StoreUnreachableError: when the server refuses.
    """
    with server.writing() as cursor:
        cursor.execute(f"DELETE FROM {CATALOG}.generations WHERE name = %s", (name,))
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema_of(name)))


def prune(server: Server, kept: frozenset[str]) -> list[str]:
    """Removes all but the live generation and those ``kept``, what these rest on, and what killed loads left.

    Returns:
        The names removed.
    """
    live = live_name(server)
    rows = server.ask(
        "SELECT substr(nspname, %(from)s) FROM pg_namespace WHERE starts_with(nspname, %(prefix)s)",
        {"prefix": f"{CATALOG}_", "from": len(CATALOG) + 2},
    )
    bases = {one.base for one in generations(server) if one.live or one.manifest.name in kept}
    gone = sorted(name for (name,) in rows if name not in bases and name != live and name not in kept)
    for name in gone:
        drop(server, name)
    return gone
