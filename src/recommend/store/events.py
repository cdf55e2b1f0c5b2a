"""The store's log of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select

from recommend.articles.events import Event
from recommend.store.database import reading, writing
from recommend.store.schema import events

_FIELDS = tuple(Event.model_fields)


class EventLog:
    """Events in the order they were added. Adding some changes no revision."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, added: Sequence[Event]) -> None:
        """Adds events in one transaction; durable when this returns.

        Raises:
            StoreError: when the database refuses.
        """
        if not added:
            return
        with writing(self._engine) as connection:
            connection.execute(insert(events), [event.model_dump() for event in added])

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Event]:
        """Events from ``since`` to before ``until``, oldest first, read in batches as they are asked for.

        Raises:
            StoreError: when the database cannot be read.
        """
        query = select(*(events.c[name] for name in _FIELDS)).order_by(events.c.happened_at, events.c.id)
        if since is not None:
            query = query.where(events.c.happened_at >= _zoned(since))
        if until is not None:
            query = query.where(events.c.happened_at < _zoned(until))
        with reading(self._engine) as connection:
            for row in connection.execution_options(yield_per=2000).execute(query):
                yield Event.model_construct(**row._mapping)


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
