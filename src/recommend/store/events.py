"""The store's log of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from recommend.articles.events import Event
from recommend.errors import StoreError
from recommend.store.database import reading, writing
from recommend.store.schema import articles, events, refused_events, secrets

_FIELDS = tuple(Event.model_fields)
_PURPOSE = "impressions"
_DELETED_AT_ONCE = 20_000


class EventLog:
    """Events in the order they were added. Adding some changes no revision."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert

    def key(self) -> bytes:
        """The store's secret, 32 random bytes, that signs impressions.

        Raises:
            StoreError: when the database cannot be read.
        """
        with reading(self._engine) as connection:
            value = connection.execute(select(secrets.c.value).where(secrets.c.name == _PURPOSE)).scalar()
        if value is None:
            raise StoreError("store: its secret for impressions is gone; restore a backup, or begin another store")
        return bytes(value)

    def add(self, added: Sequence[Event], refused: Mapping[str, int] | None = None) -> int:
        """Adds events in one transaction, those that are there already left out; durable when this returns.

        Args:
            added: what happened.
            refused: counts, by reason, of events that are not kept.

        Returns:
            How many of the events are new.

        Raises:
            StoreError: when the database refuses.
        """
        counts = {reason: count for reason, count in (refused or {}).items() if count}
        if not added and not counts:
            return 0
        fresh = 0
        with writing(self._engine) as connection:
            if added:
                rows = [{**event.model_dump(), "identity": event.identity} for event in added]
                statement = self._insert(events).on_conflict_do_nothing(index_elements=["identity"])
                fresh = len(connection.execute(statement.returning(events.c.id), rows).all())
            if counts:
                self._count(connection, counts)
        return fresh

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

    def refused(self, since: datetime | None = None) -> dict[str, int]:
        """How many events were not kept since a day, by reason, most first.

        Raises:
            StoreError: when the database cannot be read.
        """
        query = select(refused_events.c.reason, func.sum(refused_events.c.count)).group_by(refused_events.c.reason)
        if since is not None:
            query = query.where(refused_events.c.day >= _zoned(since).date())
        with reading(self._engine) as connection:
            counts = {str(reason): int(count) for reason, count in connection.execute(query)}
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def span(self, since: datetime | None = None) -> tuple[datetime | None, datetime | None]:
        """When the first event since a moment happened, and the last; None where there are none.

        Raises:
            StoreError: when the database cannot be read.
        """
        query = select(func.min(events.c.happened_at), func.max(events.c.happened_at))
        if since is not None:
            query = query.where(events.c.happened_at >= _zoned(since))
        with reading(self._engine) as connection:
            first, last = connection.execute(query).one()
        return first, last

    def sections(self) -> dict[str, str | None]:
        """Sections of the articles under which anything was seen, by id.

        Raises:
            StoreError: when the database cannot be read.
        """
        named = articles.c.id.in_(select(events.c.article_id))
        with reading(self._engine) as connection:
            return {
                row.id: row.section
                for row in connection.execute(select(articles.c.id, articles.c.section).where(named))
            }

    def prune(self, keep_days: int, now: datetime | None = None) -> int:
        """Deletes what happened more than so many days ago, some at a time, so that no one waits long.

        Returns:
            How many events were deleted.

        Raises:
            StoreError: when the database refuses.
        """
        before = (now or datetime.now(UTC)) - timedelta(days=keep_days)
        deleted = 0
        while True:
            with writing(self._engine) as connection:
                some = select(events.c.id).where(events.c.happened_at < before).limit(_DELETED_AT_ONCE)
                count = connection.execute(delete(events).where(events.c.id.in_(some))).rowcount
                connection.execute(delete(refused_events).where(refused_events.c.day < before.date()))
            deleted += count
            if count < _DELETED_AT_ONCE:
                return deleted

    def _count(self, connection: Connection, counts: Mapping[str, int]) -> None:
        today = _today()
        statement = self._insert(refused_events)
        more = refused_events.c.count + statement.excluded.count
        upsert = statement.on_conflict_do_update(index_elements=["day", "reason"], set_={"count": more})
        connection.execute(upsert, [{"day": today, "reason": reason, "count": n} for reason, n in counts.items()])


def _today() -> date:
    return datetime.now(UTC).date()


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
