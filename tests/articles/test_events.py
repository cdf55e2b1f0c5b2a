from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recommend.articles.events import Event
from recommend.cli import main
from recommend.cli.events import SCHEMA
from recommend.evaluation.judgements import read_qrels
from recommend.settings import Settings
from recommend.store import Store

pytestmark = pytest.mark.databases

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
Recommend = Callable[..., tuple[int, str]]


def event(item: str = "b", kind: str = "impression", hours: int = 0, **fields: object) -> Event:
    given = {
        "kind": kind,
        "article_id": "a",
        "item_id": item,
        "position": 1,
        "happened_at": NOON + timedelta(hours=hours),
    }
    return Event.model_validate({**given, **fields})


def test_events_come_back_as_they_went_in_by_time_and_from_since_to_before_until(store: Store) -> None:
    late, early, between = event(hours=2), event(hours=0, kind="click"), event(hours=1, variant="b", request_id="r")
    store.events.add([late, early])
    store.events.add([between])
    store.events.add([])
    assert list(store.events.read()) == [early, between, late]
    assert list(store.events.read(since=between.happened_at)) == [between, late]
    assert list(store.events.read(until=between.happened_at)) == [early]
    naive = between.happened_at.replace(tzinfo=None)
    assert list(store.events.read(since=naive, until=naive + timedelta(seconds=1))) == [between]
    assert store.latest_revision() == 0


def test_events_survive_a_process_that_is_killed_right_after_adding_them(store: Store, settings: Settings) -> None:
    script = (
        "import os, sys; from recommend.articles.events import Event; from recommend.store import Store\n"
        "event = Event(kind='click', article_id='a', item_id='b', position=3)\n"
        "Store(sys.argv[1]).events.add([event] * 5); os.kill(os.getpid(), 9)"
    )
    url = settings.store
    assert subprocess.run([sys.executable, "-c", script, url], check=False).returncode == -9
    assert [found.position for found in store.events.read()] == [3] * 5


@pytest.mark.parametrize(
    "field",
    [{"kind": "hover"}, {"item_id": ""}, {"item_id": None}, {"article_id": "x" * 513}, {"article_id": "a\x00b"},
     {"item_id": "\ud800"}, {"position": 0}, {"position": 51}, {"position": None}, {"request_id": "x" * 65},
     {"variant": "a\nb"}, {"happened_at": "soon"}, {"happened_at": "0001-01-01T00:00:00+14:00"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_event_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**field)


def test_a_moment_is_kept_in_utc_and_never_lies_in_the_future() -> None:
    assert event(happened_at="2026-01-05T13:00:00+01:00").happened_at == NOON
    assert event(happened_at="2026-01-05T12:00:00").happened_at == NOON
    assert event(happened_at="9999-01-01T00:00:00Z").happened_at <= datetime.now(UTC)


@pytest.fixture
def recommend(
    store: Store,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Recommend:
    """Runs the command on a store with an impression, two clicks on b and one on an id with a space."""
    store.events.add([event(), event(kind="click", hours=1), event(kind="click", hours=2)])
    store.events.add([event("c d", kind="click", hours=3, variant="new")])
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["recommend", "--store", settings.store, *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, "".join(capsys.readouterr())

    return run


def test_all_events_or_those_since_a_moment_are_exported_in_each_format(recommend: Recommend, tmp_path: Path) -> None:
    assert recommend("events", "export", "--out", "events.jsonl")[0] == 0
    assert recommend("events", "export", "--out", "e.parquet", "--since", "2026-01-05T13:00:00")[0] == 0
    for _ in range(2):  # a table of its own making is replaced
        assert recommend("events", "export", "--out", "events.csv")[0] == 0
    with (tmp_path / "events.csv").open(newline="", encoding="utf-8") as file:
        read = [(row["kind"], row["item_id"], row["variant"]) for row in csv.DictReader(file)]
    assert read[-2:] == [("click", "b", ""), ("click", "c d", "new")]
    rows = [orjson.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [row["item_id"] for row in rows] == ["b", "b", "b", "c d"]
    assert rows[1] == {
        "kind": "click", "request_id": None, "article_id": "a", "item_id": "b", "position": 1, "variant": None,
        "happened_at": "2026-01-05T13:00:00Z", "impression": None, "view": None, "unit": None, "settings": None,
        "base": None, "up": 0.0, "down": 0.0, "team": 0,
    }  # fmt: skip
    table = pq.read_table(tmp_path / "e.parquet")
    assert table.schema == SCHEMA
    assert [Event(**row) for row in table.to_pylist()] == [Event(**row) for row in rows[1:]]


def test_what_is_told_again_is_kept_once_and_what_is_refused_is_counted_by_reason(store: Store) -> None:
    seen = event(impression="i", view="v")
    assert store.events.add([seen, seen, event(impression="i", view="v", kind="click")], {"too old": 2, "none": 0}) == 2
    assert store.events.add([seen.model_copy(update={"position": 2})], {"too old": 1, "robot": 4}) == 0
    assert store.events.add([event(impression="i", view="w"), event(), event()]) == 3
    assert sum(one.view == "v" for one in store.events.read()) == 2
    assert store.events.refused() == {"robot": 4, "too old": 3}
    assert store.events.refused(since=datetime.now(UTC) + timedelta(days=1)) == {}


def test_old_events_are_deleted_and_young_ones_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommend.store.events._DELETED_AT_ONCE", 2)
    store.events.add([event(hours=hours) for hours in range(5)], {"robot": 1})
    assert store.events.prune(10, NOON + timedelta(days=10, hours=3)) == 3
    assert [one.happened_at.hour for one in store.events.read()] == [15, 16]
    assert store.events.prune(1, datetime.now(UTC) + timedelta(days=400)) == 2
    assert store.events.refused() == {}


def test_each_store_signs_by_a_secret_of_its_own(store: Store, tmp_path: Path) -> None:
    with closing(Store(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        assert (len(store.events.key()), store.events.key() == other.events.key()) == (32, False)
        assert other.events.key() == other.events.key()


def test_pairs_that_readers_clicked_become_judgements(recommend: Recommend, tmp_path: Path) -> None:
    assert recommend("events", "qrels", "--out", "q.txt")[0] == 0
    assert read_qrels(tmp_path / "q.txt") == {"a": {"b": 1}}
    assert recommend("events", "qrels", "--out", "q.txt", "--min-clicks", "1")[0] == 0
    assert read_qrels(tmp_path / "q.txt") == {"a": {"b": 1, "c d": 1}}
    code, printed = recommend("events", "qrels", "--out", "none.txt", "--min-clicks", "3")
    assert (code, (tmp_path / "none.txt").exists()) == (1, False)
    assert "lower --min-clicks" in printed


def test_click_through_is_printed_by_variant(recommend: Recommend) -> None:
    code, printed = recommend("events", "ctr", "--json")
    assert code == 0
    assert [(row["variant"], row["impressions"], row["clicks"]) for row in orjson.loads(printed)] == [
        (None, 1, 2),
        ("new", 0, 1),
    ]
    assert "CTR@5 1.0000" in recommend("events", "ctr")[1]
