"""Health checks of the database: readable, writable."""

from __future__ import annotations

from sqlalchemy import Engine, update

from recommend.store import revisions
from recommend.store.database import Watch, reading
from recommend.store.schema import counter


class Health:
    """Health checks of one database."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    def check_readable(self) -> None:
        """Reads one row.

        Raises:
            StoreError: when the database cannot be read.
        """
        with reading(self._engine) as connection:
            revisions.current(connection)

    @property
    def writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._watch.writable

    def check_writable(self) -> None:
        """Makes a no-op write, the first time and after a write that failed.

        Raises:
            StoreError: when the database refuses (disk full, read-only, locked for too long).
        """
        if self._watch.writable:
            return
        with self._watch.writing() as connection:
            if self._engine.dialect.name == "sqlite":  # which would skip an update to the same value
                number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
                connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % 2**31}")
            else:
                connection.execute(update(counter).values(value=counter.c.value))
        self._watch.writable = True
