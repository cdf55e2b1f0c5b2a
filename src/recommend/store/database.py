"""Connections to the store's database: SQLite or PostgreSQL, transactions that mean it, and the schema's version."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import orjson
import stamina
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from recommend.errors import StoreError, StoreUnreachableError
from recommend.store.schema import HEAD

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 30_000
_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=password=)[^&]*", re.IGNORECASE)  # rather too much than too little
_CONNECTING = {"connect_timeout": "3", "keepalives_idle": "5", "tcp_user_timeout": "5000"}  # a dead host is one soon
_REOPEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_REOPENED = 2**32  # more than the versions that one connection tells
_MIGRATION_LOCK = 7_265_636_111  # any number that other users of the database are unlikely to take


def open_engine(url: str) -> Engine:
    """An engine on ``url`` whose schema is current: migrated when it is older, refused when it is newer.

    Raises:
        StoreError: for a URL that names no database, or a newer schema; a :class:`StoreUnreachableError` for one that
            cannot be opened.
    """
    shown = _PASSWORD.sub("***", url)
    try:
        engine = _engine(make_url(url), shown)
    except (ArgumentError, ValueError) as problem:
        raise StoreError(f"store {shown!r} cannot be used ({problem}); give sqlite:///FILE or postgresql://…") from None
    try:
        _bring_up_to_date(engine, shown)
    except DBAPIError as problem:
        engine.dispose()
        raise StoreUnreachableError(f"store {shown} cannot be opened: {problem.orig}") from None
    except StoreError:
        engine.dispose()
        raise
    return engine


def _engine(url: URL, shown: str) -> Engine:
    # hide_parameters: what articles say and what keys hash to stays out of logs and errors
    options: dict[str, Any] = {"json_serializer": _json, "json_deserializer": orjson.loads, "hide_parameters": True}
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if url.database in {None, "", ":memory:"}:
            raise StoreError(f"store {shown} is in memory and would not last; give sqlite:///FILE")
        engine = create_engine(url, **options)
        _read_frozen_files(engine)
        _use_sqlite_transactions(engine)
        return engine
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise StoreError(f"store {shown} is not supported; give sqlite:///FILE or postgresql://…")
    try:
        # pool_pre_ping: connections that a restart of the server has cut are replaced unnoticed
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            **options,
            pool_pre_ping=True,
            connect_args={"client_encoding": "utf8", **{k: v for k, v in _CONNECTING.items() if k not in url.query}},
        )
    except ImportError as problem:
        way_out = "pip install 'related-articles[postgresql]'"
        raise StoreError(f"store {shown} needs the driver psycopg ({problem}); {way_out}") from None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _read_frozen_files(engine: Engine) -> None:
    """Opens files that cannot change as such: SQLite cannot make the index of its log on a read-only mount."""

    @event.listens_for(engine, "do_connect")
    def _connect(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> sqlite3.Connection | None:
        path = str(engine.url.database)
        if not _is_frozen(path):
            return None
        address = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
        options = {**options, "uri": True}
        connection: sqlite3.Connection = sqlite3.connect(address, *arguments[1:], **options)
        return connection


def _is_frozen(path: str) -> bool:
    """Whether a file is on a read-only mount, and no log beside it tells of anybody who writes by way of another."""
    try:
        mounted = os.statvfs(path)
    except OSError:
        return False
    return bool(mounted.f_flag & os.ST_RDONLY) and not Path(f"{path}-wal").exists()


def _use_sqlite_transactions(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver's own implicit BEGIN comes too late and too weak
        for pragma in (
            f"busy_timeout={_BUSY_MILLISECONDS}",
            "synchronous=FULL",
            "secure_delete=ON",  # a takedown leaves no text behind in free pages
            "cache_size=-65536",
            "mmap_size=1073741824",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not _is_frozen(str(engine.url.database)):
            _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns write-ahead logging on, which SQLite refuses at once, without waiting, while another process writes."""
    for attempt in stamina.retry_context(
        on=_is_busy, attempts=None, timeout=_BUSY_MILLISECONDS / 1000, wait_initial=0.01
    ):
        with attempt:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode=WAL")


def _is_busy(problem: Exception) -> bool:
    return getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed, fsynced, when the block ends; rolled back when it raises.

    Raises:
        StoreError: when the database refuses (disk full, read-only, locked for too long).
    """
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
    except DBAPIError as problem:
        raise StoreError(f"store: the change was not written: {problem.orig}") from problem


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database from its first statement to its last.

    Raises:
        StoreError: when the database cannot be read.
    """
    try:
        options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except DBAPIError as problem:
        raise StoreError(f"store: cannot be read: {problem.orig}") from problem


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Inserts rows, each in place of the one with its primary key."""
    if not rows:
        return
    statement = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))


class Watch:
    """Tells whether anything may have been committed, by any process: microseconds on SQLite, by time elsewhere.

    Attributes:
        writable: set by who has seen it written to, unset by a transaction that was refused.
    """

    def __init__(self, engine: Engine, staleness: float) -> None:
        self._engine = engine
        self._connection = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._staleness = staleness
        self._version = 0
        self._frozen = self._connection is not None and _is_frozen(str(engine.url.database))
        self._moved = float("-inf")
        self._lock = Lock()
        self.writable = False

    def version(self) -> int:
        """Another number after every commit; on PostgreSQL after every one through :meth:`writing`, and another one
        every ``staleness`` seconds."""
        with self._lock:
            if self._frozen and not _is_frozen(str(self._engine.url.database)):
                self._reopen()
            if self._connection is not None:
                return self._version + self._data_version()
            now = monotonic()
            if now - self._moved >= self._staleness:
                self._moved = now
                self._version += 1
            return self._version

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, as :func:`writing`; whoever asks afterwards looks for changes at once.

        Raises:
            StoreError: when the database refuses.
        """
        try:
            with writing(self._engine) as connection:
                yield connection
        except StoreError as problem:
            self.writable = False
            if getattr(getattr(problem.__cause__, "orig", None), "sqlite_errorcode", 0) & 0xFF in _REOPEN:
                with self._lock:
                    self._reopen()
            raise
        finally:  # after an error too: a commit whose answer got lost may have happened
            with self._lock:
                self._moved = float("-inf")

    def _data_version(self) -> int:
        assert self._connection is not None
        try:
            cursor = self._connection.cursor()
            version = int(cursor.execute("PRAGMA data_version").fetchone()[0])
            cursor.close()
        except sqlite3.Error as problem:
            raise StoreError(f"store: cannot be read: {problem}") from problem
        return version

    def _reopen(self) -> None:
        """Opens all connections anew, this one too: what one of them found read-only stays so for the others, whatever
        becomes of the file."""
        if self._connection is None:
            return
        self._connection.close()
        self._engine.dispose()
        self._version += _REOPENED
        self._frozen = True  # if this fails, the next look tries again
        try:
            self._connection = self._engine.raw_connection()
        except DBAPIError as problem:
            raise StoreError(f"store: cannot be read: {problem.orig}") from problem
        self._frozen = _is_frozen(str(self._engine.url.database))

    def close(self) -> None:
        """Closes its connection."""
        if self._connection is not None:
            self._connection.close()


def _bring_up_to_date(engine: Engine, shown: str) -> None:
    with engine.connect() as connection:
        known = inspect(connection).has_table("alembic_version")
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise StoreError(f"store {shown} has schema {version}, newer than {HEAD}: use a newer release")
    from alembic import command  # imported only to migrate: a process that answers queries starts without it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":  # SQLite has one writer; here a second one would migrate as well
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
