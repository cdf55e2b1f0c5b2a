"""Connections to the store's database: SQLite or PostgreSQL, transactions that mean it, and the schema's version."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from recommend.errors import StoreError
from recommend.store.schema import HEAD

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 30_000
_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=password=)[^&]*", re.IGNORECASE)  # rather too much than too little


def open_engine(url: str) -> Engine:
    """An engine on ``url`` whose schema is current: migrated when it is older, refused when it is newer.

    Raises:
        StoreError: for a URL that names no database, one that cannot be opened, or a newer schema.
    """
    shown = _PASSWORD.sub("***", url)
    try:
        # hide_parameters: what articles say and what keys hash to stays out of logs and errors
        engine = create_engine(url, json_serializer=_json, json_deserializer=orjson.loads, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as problem:
        raise StoreError(f"store {shown!r} cannot be used ({problem}); give sqlite:///FILE or postgresql://…") from None
    if engine.dialect.name == "sqlite":
        if engine.url.database in {None, "", ":memory:"}:
            raise StoreError(f"store {shown} is in memory and would not last; give sqlite:///FILE")
        _use_sqlite_transactions(engine)
    elif engine.dialect.name != "postgresql":
        raise StoreError(f"store {shown} is not supported; give sqlite:///FILE or postgresql://…")
    try:
        _bring_up_to_date(engine, shown)
    except DBAPIError as problem:
        engine.dispose()
        raise StoreError(f"store {shown} cannot be opened: {problem.orig}") from None
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _use_sqlite_transactions(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver's own implicit BEGIN comes too late and too weak
        for pragma in (
            f"busy_timeout={_BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",  # a takedown leaves no text behind in free pages
            "cache_size=-65536",
            "mmap_size=1073741824",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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


class Watch:
    """Tells whether anything may have been committed, by any process: microseconds on SQLite, by time elsewhere."""

    def __init__(self, engine: Engine, staleness: float) -> None:
        self._connection = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._cursor: Any = None if self._connection is None else self._connection.cursor()
        self._staleness = staleness
        self._moved = float("-inf")
        self._lock = Lock()

    def version(self) -> float:
        """Another number after every commit; on PostgreSQL another one every ``staleness`` seconds.

        Raises:
            StoreError: when the database cannot be read.
        """
        with self._lock:
            if self._cursor is not None:
                try:
                    self._cursor.execute("PRAGMA data_version")
                    return float(self._cursor.fetchone()[0])
                except sqlite3.Error as problem:
                    raise StoreError(f"store: cannot be read: {problem}") from problem
            now = monotonic()
            if now - self._moved >= self._staleness:
                self._moved = now
            return self._moved

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
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
