"""The rows of a database query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from recommend.errors import SourceError
from recommend.sources.row import Row, check_columns, parse_cells

_ROWS_A_FETCH = 1024
_DIALECTS = {"postgresql", "sqlite", "mysql", "mariadb", "oracle", "mssql"}


def is_database(location: str) -> bool:
    """Whether a location is the URL of a database."""
    return location.partition("://")[0].partition("+")[0] in _DIALECTS


def read_query(location: str, query: str | None) -> Iterator[Row]:
    """One article a row, in columns named after the fields; a null is an absent field. Rows stream, nothing is written.

    Args:
        location: SQLAlchemy URL of the database.
        query: SQL of one statement.

    Raises:
        SourceError: without a query, when the database cannot be reached or its driver is missing, or when the query
            fails or has no columns ``id`` and ``title``.
    """
    if query is None:
        raise SourceError(f"{location.partition(':')[0]}: a database needs a query: give one with --query")
    try:
        url = make_url(location)
        named = url.render_as_string(hide_password=True)
        yield from _rows(url, named, query)
    except (ArgumentError, NoSuchModuleError):
        raise SourceError("the database's URL is not one that SQLAlchemy knows: dialect://user@host/name") from None
    except ImportError as problem:
        raise SourceError(f"{named}: the database's driver is not installed: {problem}") from None
    except DBAPIError as problem:
        raise SourceError(f"{named}: {str(problem.orig).strip()}") from None
    except SQLAlchemyError as problem:
        raise SourceError(f"{named}: {problem}") from None


def _rows(url: URL, named: str, query: str) -> Iterator[Row]:
    engine = create_engine(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)
    try:
        with engine.connect().execution_options(yield_per=_ROWS_A_FETCH) as connection:
            found = connection.execute(text(query))
            if not found.returns_rows:
                raise SourceError(f"{named}: the query gives no rows: write a SELECT")
            names = list(found.keys())
            check_columns(names, named)
            for number, values in enumerate(found, start=1):
                cells = {name: _plain(value) for name, value in zip(names, values, strict=True) if value is not None}
                yield parse_cells(cells, named, number)
    finally:
        engine.dispose()


def _plain(value: object) -> object:
    """A cell as JSON would have it, moments apart."""
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    return str(value) if is_day or isinstance(value, UUID | Decimal) else value
