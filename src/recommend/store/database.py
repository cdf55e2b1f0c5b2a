"""Connections to the store's database (SQLite or PostgreSQL): durable transactions, and the version of the schema."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, Table, create_engine, inspect, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from recommend.errors import StoreError, StoreUnreachableError, truncated_repr
from recommend.store.schema import HEAD
from recommend.store.sqlite import BUSY_MILLISECONDS, REOPEN, is_frozen, sqlite_engine

_MIGRATIONS = Path(__file__).parent / "migrations"
_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=password=)[^&]*", re.IGNORECASE)  # rather too much than too little
_CONNECTING = {"connect_timeout": "3", "keepalives_idle": "5", "tcp_user_timeout": "5000"}  # a dead host is one soon
_REOPENED = 2**32  # more than the versions that one connection tells
_MIGRATION_LOCK = 7_265_636_111  # any number that other users of the database are unlikely to take
_REMEDIES = {  # by the state that PostgreSQL tells
    "25006": "it is a replica, or set read-only: the store's URL must name the primary",
    "42501": "its user needs SELECT, INSERT, UPDATE and DELETE on every table, and to migrate, owns them",
    "53100": "make room on the database's disk",
    "55P03": "another transaction held it for 30 s: try again, or end that one",
    "57014": "a statement took longer than statement_timeout: raise it for the store's user",
}


def open_engine(url: str, *, readonly: bool = False, any_schema: bool = False) -> Engine:
    """An engine on ``url`` whose schema is current: migrated when it is older, refused when it is newer.

    Args:
        url: an SQLAlchemy database URL.
        readonly: nothing is created, migrated or written, and an older schema is refused.
        any_schema: with ``readonly``, take the schema as it is.

    Raises:
        StoreError: for a URL that names no database, or another schema; a :class:`StoreUnreachableError` for one that
            cannot be opened.
    """
    name = _without_password(url)
    if url.startswith("sqlite") and "?" in url:  # SQLAlchemy would drop what follows, and open another file
        raise StoreError(f"store {name}: SQLite takes no parameters here, and no '?' in a file's name; rename the file")
    try:
        engine = _engine(make_url(url), name, readonly)
    except (ArgumentError, ValueError) as problem:
        given = truncated_repr(_PASSWORD.sub("***", url))
        raise StoreError(f"store {given} cannot be used ({problem}); give sqlite:///FILE or postgresql://…") from None
    try:
        version = _schema(engine)
        if version is None and readonly:
            raise StoreError(f"store {name} is empty; recommend ingest or recommend restore begins one")
        if any_schema or version == HEAD:
            return engine
        if version is not None and version > HEAD:
            raise StoreError(f"store {name} has schema {version}, newer than {HEAD}: use a newer release")
        if readonly:
            way_out = "recommend ingest, reindex and serve migrate it; recommend backup keeps it as it is"
            raise StoreError(f"store {name} has schema {version}, older than {HEAD}: {way_out}")
        _migrate(engine)
    except DBAPIError as problem:
        engine.dispose()
        raise StoreUnreachableError(f"store {name} cannot be opened: {_why(problem)}") from None
    except StoreError:
        engine.dispose()
        raise
    return engine


def _without_password(url: str) -> str:
    shown_url = _PASSWORD.sub("***", url)
    return shown_url if shown_url.isprintable() else truncated_repr(shown_url)


def _why(problem: DBAPIError) -> str:
    """What the database says, and the way out where only it knows."""
    message = str(problem.orig).strip()
    remedy = _REMEDIES.get(getattr(problem.orig, "sqlstate", None) or "")
    return f"{message}; {remedy}" if remedy else message


def _engine(url: URL, name: str, readonly: bool) -> Engine:
    # hide_parameters: what articles say and what keys hash to stays out of logs and errors
    options: dict[str, Any] = {"json_serializer": _json, "json_deserializer": orjson.loads, "hide_parameters": True}
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        return sqlite_engine(url, name, readonly, options)
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise StoreError(f"store {name} is not supported; give sqlite:///FILE or postgresql://…")
    try:
        # pool_pre_ping: connections that a restart of the server has cut are replaced unnoticed
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            **options,
            pool_pre_ping=True,
            execution_options={"postgresql_readonly": True} if readonly else {},
            connect_args={"client_encoding": "utf8", **{k: v for k, v in _CONNECTING.items() if k not in url.query}},
        )
    except ImportError as problem:
        way_out = "pip install 'related-articles[postgresql]'"
        raise StoreError(f"store {name} needs the driver psycopg ({problem}); {way_out}") from None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed, fsynced, when the block ends; rolled back when it raises.

    Raises:
        StoreError: when the database refuses (disk full, read-only, locked for too long).
    """
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":  # like SQLite's busy_timeout
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_MILLISECONDS}")
            yield connection
    except DBAPIError as problem:
        raise StoreError(f"store: the change was not written: {_why(problem)}") from problem


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
        raise StoreError(f"store: cannot be read: {_why(problem)}") from problem


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Inserts rows, each in place of the one with its primary key."""
    if not rows:
        return
    statement = (insert_sqlite if connection.dialect.name == "sqlite" else postgresql.insert)(table)
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
        self._frozen = self._connection is not None and is_frozen(str(engine.url.database))
        self._moved = float("-inf")
        self._lock = Lock()
        self.writable = False

    def version(self) -> int:
        """Another number after every commit; on PostgreSQL after every one through :meth:`writing`, and another one
        every ``staleness`` seconds."""
        with self._lock:
            if self._frozen and not is_frozen(str(self._engine.url.database)):
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
            if getattr(getattr(problem.__cause__, "orig", None), "sqlite_errorcode", 0) & 0xFF in REOPEN:
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
        """Reopens all connections, this one too: SQLite connections that found the file read-only stay read-only, even
        when the file becomes writable."""
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
        self._frozen = is_frozen(str(self._engine.url.database))

    def close(self) -> None:
        """Closes its connection."""
        if self._connection is not None:
            self._connection.close()


def _schema(engine: Engine) -> str | None:
    with engine.connect() as connection:
        known = inspect(connection).has_table("alembic_version")
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None


def _migrate(engine: Engine) -> None:
    from alembic import command  # imported only to migrate: a process that answers queries starts without it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":  # SQLite has one writer; here a second one would migrate as well
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
