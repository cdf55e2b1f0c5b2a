"""Statements that tests run beside the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine


def sql(url: str, statement: str) -> list[Any]:
    """Runs a statement beside the store."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows
