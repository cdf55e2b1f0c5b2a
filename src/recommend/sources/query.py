"""The rows of a database query, which may only read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from recommend.errors import SourceError
from recommend.sources.columns import Columns
from recommend.sources.row import Row

_ROWS_A_FETCH = 1024
_STATEMENT_SECONDS = 600  # until a batch of rows must be there, on PostgreSQL
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
_DIALECTS = {"postgresql", "sqlite", "mysql", "mariadb", "oracle", "mssql"}


def is_database(location: str) -> bool:
    """Whether a location is the URL of a database."""
    return location.partition("://")[0].partition("+")[0] in _DIALECTS


def read_query(location: str, query: str | None, columns: Columns | None = None) -> Iterator[Row]:
    """One article a row, in columns named after the fields; a null is an absent field.

    Rows stream. The database is opened for reading alone, so that a query that writes fails.

    Args:
        location: SQLAlchemy URL of the database.
        query: SQL of one statement.
        columns: which of them is which field.

    Raises:
        SourceError: without a query, when the database cannot be reached or its driver is missing, or when the query
            fails or has no column that is the title.
    """
    if query is None:
        raise SourceError(f"{location.partition(':')[0]}: a database needs a query: give one with --query")
    try:
        url = make_url(location)
        named = url.render_as_string(hide_password=True)
        yield from _rows(url, named, query, columns or Columns())
    except (ArgumentError, NoSuchModuleError):
        raise SourceError("the database's URL is not one that SQLAlchemy knows: dialect://user@host/name") from None
    except ImportError as problem:
        raise SourceError(f"{named}: the database's driver is not installed: {problem}") from None
    except DBAPIError as problem:
        raise SourceError(f"{named}: {str(problem.orig).strip()}") from None
    except SQLAlchemyError as problem:
        raise SourceError(f"{named}: {problem}") from None


def _rows(url: URL, named: str, query: str, columns: Columns) -> Iterator[Row]:
    engine = _engine(url)
    try:
        with engine.connect().execution_options(yield_per=_ROWS_A_FETCH) as connection:
            result = connection.execute(text(query))
            if not result.returns_rows:
                raise SourceError(f"{named}: the query gives no rows: write a SELECT")
            names = list(result.keys())
            names = columns.header(names, named)
            for number, values in enumerate(result, start=1):
                cells = {name: _plain(value) for name, value in zip(names, values, strict=True) if value is not None}
                yield from columns.cell_rows(cells, named, number)
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    kind = url.get_backend_name()
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database and url.database != ":memory:":
        file = url.database if url.database.startswith("file:") else f"file:{quote(url.database)}"
        url = url.set(database=file, query={**url.query, "uri": "true", "mode": "ro"})
    engine = create_engine(url)
    session_settings = [_READ_ONLY[kind]] if kind in _READ_ONLY else []
    if kind == "postgresql":
        session_settings.append(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")

    @event.listens_for(engine, "connect")
    def settle(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for statement in session_settings:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    return engine


def _plain(value: object) -> object:
    """A cell as JSON would have it, moments apart."""
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    return str(value) if is_day or isinstance(value, UUID | Decimal) else value
