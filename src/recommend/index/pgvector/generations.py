"""The generations on servers: which there are, which one is live, and the transaction that switches.

Where several servers hold a generation together, the word of the first one counts: what is live there is live. The
others are switched before it, and asked while it does not answer. So whatever is killed between two of them leaves what
was live, and what is named anywhere is whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from psycopg import sql

from recommend.errors import SnapshotError, StoreUnreachableError
from recommend.index.pgvector.schema import CATALOG_TABLES, schema_of
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.pgvector.servers import Servers
from recommend.index.snapshot.layout import Manifest

_SHARD = "shard"  # beside a manifest: which of how many a server holds
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
        verified: whether all of it is there.
        published_at: when it went live last, None for one that never was.
    """

    manifest: Manifest
    accesses: frozenset[str]
    step: int
    live: bool
    verified: bool
    published_at: datetime | None

    @property
    def published(self) -> bool:
        """Whether it was ever live."""
        return self.published_at is not None

    @property
    def base(self) -> str:
        """The name of the generation whose tables hold its rows."""
        return self.manifest.base or self.manifest.name


def prepare_catalog(server: Server) -> None:
    """Makes catalog and extension where they lack."""
    with server.writing() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        cursor.execute(CATALOG_TABLES)


def live_name(servers: Servers) -> str | None:
    """The name of the live generation, None before the first is published.

    Raises:
        StoreUnreachableError: when no server can be asked.
    """
    return servers.any(_live_name)


def _live_name(server: Server) -> str | None:
    if not _has_catalog(server):
        return None
    rows = server.ask(f"SELECT name FROM {CATALOG}.live")
    return str(rows[0][0]) if rows else None


def _has_catalog(server: Server) -> bool:
    return bool(server.ask("SELECT to_regclass(%(live)s) IS NOT NULL", {"live": f"{CATALOG}.live"})[0][0])


def generations(servers: Servers) -> list[Generation]:
    """All of them, the latest revision first; what is ``verified`` is whole on each server that answers."""
    by_server = servers.each(lambda number: held(servers, number))
    if not by_server:
        raise StoreUnreachableError(servers.problem)
    first, *others = (by_server[number] for number in sorted(by_server))
    whole = [{one.manifest.name for one in some if one.verified} for some in others]
    return [replace(one, verified=one.verified and all(one.manifest.name in names for names in whole)) for one in first]


def held(servers: Servers, number: int) -> list[Generation]:
    """Those of which the server of a number has its shard, likewise; of another shard's none is ``verified``."""
    if not _has_catalog(servers[number]):
        return []
    rows = servers[number].ask(
        "SELECT manifest, accesses, step, l.name IS NOT NULL, verified_at IS NOT NULL, published_at"
        f" FROM {CATALOG}.generations g LEFT JOIN {CATALOG}.live l USING (name) ORDER BY g.name DESC"
    )
    names = []
    for told, accesses, step, live, verified, published_at in rows:
        manifest = orjson.loads(told)
        own = manifest.pop(_SHARD, [0, 1]) == [number, len(servers)]
        read = Manifest.model_validate(manifest)
        names.append(Generation(read, frozenset(accesses), step, live, verified and own, published_at))
    return names


def generation(servers: Servers, name: str) -> Generation:
    """The generation of a name.

    Raises:
        SnapshotError: when there is none that is whole.
    """
    for one in generations(servers):
        if one.manifest.name == name and one.verified:
            return one
    raise SnapshotError(f"index {servers.name} holds no whole generation {name}; run recommend reindex")


def record(
    cursor: Any, manifest: Manifest, accesses: Iterable[str], *, step: int, shard: tuple[int, int], articles: int
) -> None:
    """Names a generation in the catalog of a server, where nobody looks at it before :func:`confirm`.

    Args:
        cursor: of that server.
        manifest: of the whole.
        accesses: of the whole.
        step: see :class:`Generation`.
        shard: which of how many the server holds.
        articles: in that.
    """
    content = manifest.model_dump(exclude_defaults=True) | ({_SHARD: shard} if shard[1] > 1 else {})
    cursor.execute(
        f"INSERT INTO {CATALOG}.generations VALUES (%s, %s, %s, %s, %s)",
        (manifest.name, orjson.dumps(content), articles, sorted(accesses), step),
    )


def confirm(server: Server, name: str) -> None:
    """Notes that a generation was verified."""
    with server.writing() as cursor:
        cursor.execute(f"UPDATE {CATALOG}.generations SET verified_at = now() WHERE name = %s", (name,))


def switch(servers: Servers, name: str) -> None:
    """Makes a generation the live one, on the first server last: readers see the one before or this one.

    Raises:
        SnapshotError: when it is not there, or not whole.
        StoreUnreachableError: when a server does not answer; what was live is so then.
    """
    generation(servers, name)
    for server in reversed([*servers]):
        _switch(server, name)


def _switch(server: Server, name: str) -> None:
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


def prune(servers: Servers, kept: frozenset[str]) -> list[str]:
    """Removes all but the live generation and those ``kept``, what these rest on, and what killed loads left.

    Returns:
        The names removed.
    """
    live, removed = live_name(servers), set[str]()
    for number, server in enumerate(servers):
        stay = {live, _live_name(server), *kept}
        stay |= {one.base for one in held(servers, number) if one.manifest.name in stay}
        rows = server.ask(
            "SELECT substr(nspname, %(from)s) FROM pg_namespace WHERE starts_with(nspname, %(prefix)s)",
            {"prefix": f"{CATALOG}_", "from": len(CATALOG) + 2},
        )
        gone = sorted({name for (name,) in rows} - stay)
        for name in gone:
            drop(server, name)
        removed.update(gone)
    return sorted(removed)
