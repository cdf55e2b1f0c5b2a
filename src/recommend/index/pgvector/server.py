"""Connections to the PostgreSQL server that keeps generations: pooled, replaced when they break, waited for briefly."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import stamina
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError

from recommend.errors import SettingsError, SnapshotError, StoreUnreachableError, truncated_repr

CATALOG = "recommend_index"
"""The schema that names the generations; each lies in one of its own."""

EFFORT = 200
"""Candidates that a search of the graph keeps at least: pgvector's ``hnsw.ef_search``, at most 1000."""
_MOST_EFFORT = 1000

_SESSION = {  # of a connection that searches
    "hnsw.ef_search": str(EFFORT),
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": "20000",
    "jit": "off",  # which costs more than such a query
}
_CONNECTING = {"connect_timeout": "3", "keepalives_idle": "5", "tcp_user_timeout": "5000"}


class Server:
    """A PostgreSQL server with pgvector. Safe to share between threads."""

    def __init__(self, url: str, *, timeout: float = 5.0, pool: int = 4) -> None:
        """
        Args:
            url: postgresql://…; several hosts behind one name, or ``host=a,b``, as libpq takes them.
            timeout: seconds that a search may take.
            pool: connections that are kept.

        Raises:
            SettingsError: for a URL that cannot be used, or without the driver.
        """
        self.url, self._loss = url, _Loss()
        try:
            parsed = make_url(url).set(drivername="postgresql+psycopg")
            self.name = parsed.render_as_string(hide_password=True).replace("+psycopg", "")
            settings = {**_SESSION, "statement_timeout": f"{int(timeout * 1000)}"}
            options = " ".join(f"-c {name}={value}" for name, value in settings.items())
            self._engine = create_engine(
                parsed,
                isolation_level="AUTOCOMMIT",  # what is read is one statement: one round trip
                pool_size=pool,
                pool_timeout=timeout,
                hide_parameters=True,
                connect_args={
                    "client_encoding": "utf8",
                    "prepare_threshold": None,  # a plan for all filters alike would be none for tight ones
                    "options": options,
                    **{k: v for k, v in _CONNECTING.items() if k not in parsed.query},
                },
            )
            event.listen(self._engine, "connect", _register)
            event.listen(self._engine, "checkout", self._loss.check)
            weakref.finalize(self, self._engine.dispose)
        except (ArgumentError, ValueError) as problem:
            raise SettingsError(f"index {truncated_repr(url)} cannot be used: {problem}") from None
        except ImportError as problem:
            raise SettingsError(
                f"an index on PostgreSQL needs the driver psycopg ({problem}); pip install 'related-articles[pgvector]'"
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A cursor, of psycopg, that returns binary rows, each statement for itself.

        Raises:
            StoreUnreachableError: when the server cannot be asked, or not in time.
        """
        with self._mapped(), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            try:
                with driver.cursor(binary=True) as cursor:
                    yield cursor
            finally:
                if driver.closed:  # by the server
                    self._loss.at = monotonic()
                    connection.invalidate()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A cursor in a transaction that is committed when the block ends; no statement is cut short.

        Raises:
            StoreUnreachableError: when the server refuses.
        """
        self.ask("SELECT 1")  # on a connection that lives
        with self._mapped(), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.transaction(), driver.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 0")
                yield cursor

    @contextmanager
    def autocommitting(self) -> Iterator[Any]:
        """A cursor whose every statement is a transaction, as VACUUM has to be; none is cut short.

        Raises:
            StoreUnreachableError: when the server refuses.
        """
        self.ask("SELECT 1")
        with self._mapped(), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0")
                yield cursor
            connection.invalidate()  # so that the next one waits no longer than it should

    def ask(
        self, statement: Any, given: Mapping[str, Any] | None = None, *, effort: int = 0, exact: bool = False
    ) -> list[tuple[Any, ...]]:
        """The rows of one statement; on a connection that broke, it is tried once more on another.

        Args:
            statement: SQL of psycopg, or text.
            given: parameters.
            effort: ``hnsw.ef_search`` for it, where more than EFFORT.
            exact: whether no graph is searched.

        Raises:
            StoreUnreachableError: when it fails both times.
        """
        planned = [f"SET LOCAL hnsw.ef_search = {min(effort, _MOST_EFFORT)}"] if effort > EFFORT else []
        planned += ["SET LOCAL enable_indexscan = off"] if exact else []
        for attempt in stamina.retry_context(on=StoreUnreachableError, attempts=2, wait_initial=0.05, wait_max=0.2):
            with attempt, self.reading() as cursor, cursor.connection.transaction() if planned else nullcontext():
                for one in planned:
                    cursor.execute(one)
                rows: list[tuple[Any, ...]] = cursor.execute(statement, given).fetchall()
        return rows

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        import psycopg  # whoever has a server has it

        try:
            yield
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as problem:
            raise SnapshotError(f"index {self.name}: {problem}; run recommend reindex") from None
        except psycopg.errors.UndefinedFile as problem:
            raise SnapshotError(
                f"index {self.name}: the server has no pgvector ({problem}); install it there"
            ) from None
        except (psycopg.Error, DBAPIError) as problem:
            message = str(getattr(problem, "orig", None) or problem).strip()
            raise StoreUnreachableError(f"index {self.name} cannot be asked: {message}") from None

    def close(self) -> None:
        """Gives all connections back."""
        self._engine.dispose()


@dataclass
class _Loss:
    """When a connection was last found closed by the server: all that are older may be, and are replaced when they are
    next asked for."""

    at: float = float("-inf")

    def check(self, _connection: object, record: Any, _proxy: object) -> None:
        if record.info["since"] <= self.at:
            raise DisconnectionError


def _register(connection: Any, record: Any) -> None:
    """Has a connection speak of vectors; before the first generation the database may not know them."""
    from pgvector.psycopg import register_vector
    from psycopg import ProgrammingError

    record.info["since"] = monotonic()
    with suppress(ProgrammingError):
        register_vector(connection)
