"""Events counted by the database: by position, by variant, by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from recommend.articles.events import Event
from recommend.store import Store
from recommend.store.event_counts import Clicks, ItemClicks, count_clicks, count_events

pytestmark = pytest.mark.databases

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
FIRST, NEXT = date(2026, 1, 5), date(2026, 1, 6)


def event(view: str, kind: str, position: int, days: int = 0, **fields: Any) -> Event:
    return Event.model_validate(
        {
            "kind": kind, "impression": "i", "view": view, "article_id": "a", "item_id": f"item {position}",
            "position": position, "happened_at": NOON + timedelta(days=days), **fields,
        }
    )  # fmt: skip


@pytest.fixture
def counted(store: Store) -> Store:
    """What two readers saw of a box on one day, one of them clicked on, and a third saw on the next."""
    looks = [("v1", {}, 0), ("v2", {"variant": "b"}, 0), ("v3", {"variant": "b"}, 1)]
    seen = [event(view, "impression", at, days, **told) for view, told, days in looks for at in (1, 2)]
    clicked = [
        event("v1", "click", 2),
        event("v3", "click", 2, 1, variant="b"),
        event("v3", "click", 1, 1, variant="b"),
    ]
    store.events.add([*seen, *clicked])
    return store


def test_impressions_and_clicks_are_counted_by_position_by_variant_and_by_day(counted: Store) -> None:
    found = count_events(counted.engine, NOON - timedelta(days=1))
    assert found.positions == {1: Clicks(3, 1), 2: Clicks(3, 2)}
    assert found.variants == {None: Clicks(2, 1), "b": Clicks(4, 2)}
    assert found.days == {FIRST: Clicks(4, 1), NEXT: Clicks(2, 2)}
    assert [*found.positions, *found.variants, *found.days] == [1, 2, None, "b", FIRST, NEXT]
    assert count_events(counted.engine, NOON + timedelta(hours=1)).days == {NEXT: Clicks(2, 2)}


def test_a_rate_is_clicks_an_impression_and_none_where_nothing_was_seen() -> None:
    assert Clicks(4, 1).rate == 0.25
    assert Clicks(0, 1).rate is None


def test_clicks_are_counted_by_article_and_day_between_two_moments(counted: Store) -> None:
    found = count_clicks(counted.engine, NOON, NOON + timedelta(days=2))
    assert sorted(found, key=lambda one: (one.item_id, one.day)) == [
        ItemClicks("item 1", NEXT, 1), ItemClicks("item 2", FIRST, 1), ItemClicks("item 2", NEXT, 1),
    ]  # fmt: skip
    assert count_clicks(counted.engine, NOON, NOON + timedelta(days=1)) == [ItemClicks("item 2", FIRST, 1)]
