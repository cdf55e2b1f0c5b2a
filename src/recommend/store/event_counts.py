"""Events in numbers: what was seen and clicked by position and variant, and by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, func, select

from recommend.store.database import reading
from recommend.store.schema import events


@dataclass(frozen=True, slots=True)
class Clicks:
    """Impressions and clicks of one kind; the rate is None where nothing was seen."""

    impressions: int = 0
    clicks: int = 0

    @property
    def rate(self) -> float | None:
        """Clicks an impression."""
        return self.clicks / self.impressions if self.impressions else None

    def __add__(self, other: Clicks) -> Clicks:
        return Clicks(self.impressions + other.impressions, self.clicks + other.clicks)


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What the log holds since a moment: by position (1 for the first), by variant (None: without one), by day."""

    positions: dict[int, Clicks]
    variants: dict[str | None, Clicks]
    days: dict[date, Clicks]


def count_events(engine: Engine, since: datetime) -> EventCounts:
    """The events since a moment, counted by the database.

    Raises:
        StoreError: when it cannot be read.
    """
    day = func.date(events.c.happened_at)
    grouped = (events.c.position, events.c.variant, day, events.c.kind)
    query = select(*grouped, func.count()).where(events.c.happened_at >= since).group_by(*grouped)
    counts = EventCounts({}, {}, {})
    with reading(engine) as connection:
        for position, variant, told, kind, number in connection.execute(query):
            one = Clicks(impressions=number) if kind == "impression" else Clicks(clicks=number)
            _add(counts.positions, position, one)
            _add(counts.variants, variant, one)
            _add(counts.days, _day(told), one)
    return EventCounts(
        dict(sorted(counts.positions.items())),
        dict(sorted(counts.variants.items(), key=lambda item: item[0] or "")),
        dict(sorted(counts.days.items())),
    )


@dataclass(frozen=True, slots=True)
class ItemClicks:
    """Clicks on an article, in any box, on one day."""

    item_id: str
    day: date
    clicks: int


def count_clicks(engine: Engine, since: datetime, until: datetime) -> list[ItemClicks]:
    """The clicks from a moment to before another, by article and day, counted by the database.

    Raises:
        StoreError: when it cannot be read.
    """
    day = func.date(events.c.happened_at)
    within = (events.c.kind == "click", events.c.happened_at >= since, events.c.happened_at < until)
    query = select(events.c.item_id, day, func.count()).where(*within).group_by(events.c.item_id, day)
    with reading(engine) as connection:
        return [ItemClicks(item, _day(told), count) for item, told, count in connection.execute(query)]


def _day(told: date | str) -> date:
    return told if isinstance(told, date) else date.fromisoformat(told)


def _add(counts: dict[Any, Clicks], key: object, one: Clicks) -> None:
    counts[key] = counts.get(key, Clicks()) + one
