"""SQLite files as stores: opened to write, or so that nothing is written, and the files that belong to one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stamina
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from recommend.errors import StoreError, StoreUnreachableError
from recommend.files import write_private

BUSY_MILLISECONDS = 30_000
"""For so long does a writer wait for another."""

REOPEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""Errors after which a connection is of no more use, whatever becomes of the file."""

_BESIDE = ("-wal", "-shm", "-journal")


def sqlite_engine(url: URL, name: str, readonly: bool, options: dict[str, Any]) -> Engine:
    """An engine on a file, which is created unless ``readonly``, for its owner alone.

    Raises:
        StoreError: when it is in memory, or ``readonly`` and not there.
    """
    if url.database in {None, "", ":memory:"}:
        raise StoreError(f"store {name} is in memory and would not last; give sqlite:///FILE")
    file = Path(str(url.database))
    if readonly:
        if not file.is_file():
            raise StoreError(f"store {name} does not exist; recommend ingest or recommend restore begins one")
        options["creator"] = _reader(file)
    elif not is_frozen(str(file)):
        try:
            write_private(file)
        except OSError as problem:
            raise StoreUnreachableError(f"store {name} cannot be opened: {problem.strerror}") from None
    engine = create_engine(url, **options)
    if not readonly:
        _read_frozen_files(engine)
    _use_sqlite_transactions(engine, readonly)
    return engine


def _reader(file: Path) -> Callable[[], sqlite3.Connection]:
    """Opens connections that write nothing and leave no file behind.

    Where no process has the database open, a connection that may not write leaves the ``-wal`` and ``-shm`` that it had
    to create, and one that may, but is told not to, removes them. On a read-only disk neither can be created: nobody
    else can write there, so SQLite needs not look for others.
    """
    uri, log = file.absolute().as_uri(), file.with_name(f"{file.name}-wal")
    mode = "mode=ro" if log.exists() else "mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"{uri}?{mode}", uri=True, check_same_thread=False)
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.OperationalError as problem:
            connection.close()
            if problem.sqlite_errorcode & 0xFF not in REOPEN or log.exists():
                raise
            connection = sqlite3.connect(f"{uri}?immutable=1", uri=True, check_same_thread=False)
        return connection

    return connect


def is_frozen(path: str) -> bool:
    """Whether a file is on a read-only mount, and no log beside it tells of anybody who writes by way of another."""
    try:
        mounted = os.statvfs(path)
    except OSError:
        return False
    return bool(mounted.f_flag & os.ST_RDONLY) and not Path(f"{path}-wal").exists()


def _read_frozen_files(engine: Engine) -> None:
    """Opens files that cannot change as such: SQLite cannot make the index of its log on a read-only mount."""

    @event.listens_for(engine, "do_connect")
    def _connect(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> sqlite3.Connection | None:
        path = str(engine.url.database)
        if not is_frozen(path):
            return None
        address = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
        frozen: sqlite3.Connection = sqlite3.connect(address, *arguments[1:], **{**options, "uri": True})
        return frozen


def store_files(url: str) -> list[Path]:
    """The files of a store: the database's, those that SQLite keeps beside it, and its takedown logs; none where they
    are another machine's."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return []
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return []
    file = Path(parsed.database)
    return [file, *(file.with_name(file.name + end) for end in _BESIDE), *file.parent.glob(f"{file.name}.takedowns-*")]


def _use_sqlite_transactions(engine: Engine, readonly: bool) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver's own implicit BEGIN comes too late and too weak
        pragmas = [f"busy_timeout={BUSY_MILLISECONDS}", "cache_size=-65536", "mmap_size=1073741824"]
        if readonly:
            pragmas.append("query_only=ON")
        else:  # secure_delete: a takedown leaves no text behind in free pages
            pragmas += ["synchronous=FULL", "secure_delete=ON"]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        if not readonly and not is_frozen(str(engine.url.database)):
            _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns write-ahead logging on, which SQLite refuses at once, without waiting, while another process writes."""
    for attempt in stamina.retry_context(
        on=_is_busy, attempts=None, timeout=BUSY_MILLISECONDS / 1000, wait_initial=0.01
    ):
        with attempt:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode=WAL")


def _is_busy(problem: Exception) -> bool:
    return getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
