"""The strictly increasing number that every change takes."""

from __future__ import annotations

from time import monotonic

from sqlalchemy import Connection, Engine, exists, select, update

from recommend.errors import StoreError
from recommend.store.database import Watch, reading
from recommend.store.schema import counter, lineage

_RETRY_SECONDS = 1.0


def current(connection: Connection) -> int:
    """The highest revision that this transaction sees."""
    return int(connection.execute(select(counter.c.value)).scalar_one())


def take(connection: Connection, count: int) -> int:
    """Takes ``count`` revisions for the changes of this transaction; returns the first."""
    statement = update(counter).values(value=counter.c.value + count).returning(counter.c.value)
    return int(connection.execute(statement).scalar_one()) - count + 1


def lock(connection: Connection) -> None:
    """Keeps other writers out until the commit (SQLite has only one). It comes first in every transaction that reads
    what it is to write, as taking a revision does in the others, so that no two wait for each other."""
    connection.execute(select(counter.c.value).with_for_update())


def is_rolled_back(connection: Connection, revision: int) -> bool:
    """Whether a restore rolled this revision back, so that data read at it may be wrong now."""
    undone = exists().where(lineage.c.since < revision, lineage.c.revision > revision)
    return revision > current(connection) or bool(connection.execute(select(undone)).scalar_one())


class Revisions:
    """What the counter stands at, told without reading it as long as nothing was committed. Safe to share between
    threads."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch
        self._seen: tuple[int, int] | None = None
        self._failed: tuple[float, StoreError] | None = None

    def latest(self) -> int:
        """The highest revision committed by any process; microseconds when nothing changed since the last call.

        Raises:
            StoreError: when that cannot be told. A server that cannot be reached is tried again once a second.
        """
        version = self._watch.version()
        seen = self._seen
        if seen is None or seen[0] != version:
            if self._failed is not None and monotonic() - self._failed[0] < _RETRY_SECONDS:
                raise self._failed[1].with_traceback(None)
            try:
                with reading(self._engine) as connection:
                    seen = (version, current(connection))
            except StoreError as problem:
                self._failed = None if self._engine.dialect.name == "sqlite" else (monotonic(), problem)
                raise
            self._seen, self._failed = seen, None
        return seen[1]

    def saw(self, version: int, revision: int) -> None:
        """Notes the revision that was read after the watch told ``version``, so that :meth:`latest` does not lag behind
        what its caller knows."""
        self._seen = (version, revision)
