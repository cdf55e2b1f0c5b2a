from __future__ import annotations

import csv
import json
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


def event(item: str = "b", kind: str = "impression", hours: int = 0, **fields: Any) -> Event:
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


def first_json(printed: str) -> Any:
    """What a command printed as JSON, before what it says beside it."""
    return json.JSONDecoder().raw_decode(printed)[0]


@pytest.fixture
def recommend(
    store: Store,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Recommend:
    """Runs the command on a store with an impression, two clicks on b and one on an id with a space."""
    seen = [event(impression="i", view=view, hours=hours) for hours, view in enumerate("vw")]
    store.events.add([*seen, *(one.model_copy(update={"kind": "click"}) for one in seen)])
    told: dict[str, Any] = {"impression": "j", "view": "x", "variant": "new", "hours": 3}
    store.events.add([event("c d", **told), event("c d", kind="click", **told), event(kind="click")])
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
    assert read[-2:] == [("impression", "c d", "new"), ("click", "c d", "new")]
    rows = [orjson.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert [row["item_id"] for row in rows] == ["b", "b", "b", "b", "b", "c d", "c d"]
    assert rows[-1] == {
        "kind": "click", "request_id": None, "article_id": "a", "item_id": "c d", "position": 1, "variant": "new",
        "happened_at": "2026-01-05T15:00:00Z", "impression": "j", "view": "x", "unit": None, "settings": None,
        "base": None, "up": 0.0, "down": 0.0, "team": 0,
    }  # fmt: skip
    table = pq.read_table(tmp_path / "e.parquet")
    assert table.schema == SCHEMA
    assert [Event(**row) for row in table.to_pylist()] == [Event(**row) for row in rows[3:]]


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
    assert "no two items were clicked" in recommend("events", "qrels", "--out", "q2.txt", "--co-clicks")[1]
    code, printed = recommend("events", "qrels", "--out", "none.txt", "--min-clicks", "3")
    assert (code, (tmp_path / "none.txt").exists()) == (1, False)
    assert "lower --min-clicks" in printed


def test_click_through_is_printed_by_variant_position_and_section(recommend: Recommend) -> None:
    code, printed = recommend("events", "ctr", "--json")
    assert code == 0
    rows = first_json(printed)
    assert [(row["arm"], row["seen"], row["clicks"]) for row in rows] == [(None, 2, 2), ("new", 1, 1)]
    for by in ("position", "section"):
        assert recommend("events", "ctr", "--by", by)[0] == 0
    code, printed = recommend("events", "ctr")
    assert "CTR@5 1.0000" in printed
    assert "1 events name no impression and do not count" in printed
    assert "name no reader's unit" in printed
    assert recommend("events", "ctr", "--by", "colour")[0] == 2
    assert recommend("events", "ctr", "--cluster-by", "moon")[0] == 2


def test_what_the_log_holds_and_what_was_refused_is_summed_up(recommend: Recommend, store: Store) -> None:
    store.events.add([], {"there is no impression": 7})
    told = orjson.loads(recommend("events", "summary", "--json")[1])
    assert (told["looks"], told["seen"], told["clicks"], told["unsigned"]) == (3, 3, 3, 1)
    assert told["refused"] == {"there is no impression": 7}
    printed = recommend("events", "summary")[1]
    assert "7 refused: there is no impression" in printed
    assert "3 looks at boxes" in printed


def test_variants_are_compared_and_one_that_nobody_saw_is_named(recommend: Recommend) -> None:
    code, printed = recommend("events", "compare", "", "new")
    assert (code, "No difference is shown yet" in printed) == (0, True)
    found = recommend("events", "compare", "", "new", "--json", "--detect", "0.01")[1]
    told = first_json(found)
    assert (told["rate_a"], told["rate_b"], told["always_p"]) == (1.0, 1.0, 1.0)
    code, printed = recommend("events", "compare", "new", "old")
    assert (code, "no impression is of variant 'old'; there are '', 'new'" in printed) == (1, True)


def looks(variant: str, count: int, clicked_every: int, hours: int = 0) -> list[Event]:
    """So many looks of readers who come once, of whom each so-manieth clicks."""
    told = []
    for look in range(count):
        place: dict[str, Any] = {"impression": f"{variant}{look}", "view": f"{variant}-{look}", "variant": variant}
        place["hours"] = hours + look % 48
        told.append(event(**place))
        if look % clicked_every == 0:
            told.append(event(kind="click", **place))
    return told


def test_a_difference_that_holds_at_every_look_gets_a_verdict_and_a_smaller_one_the_readers_it_needs(
    recommend: Recommend, store: Store
) -> None:
    store.events.add([*looks("bold", 600, 2), *looks("shy", 600, 12)])
    for arms in (("bold", "shy"), ("shy", "bold")):
        code, printed = recommend("events", "compare", *arms)
        assert code == 0
        assert "Readers click more of bold than of shy." in printed
        assert "this difference needs" in printed
        assert "readers: there" in printed
    printed = recommend("events", "compare", "bold", "shy", "--detect", "0.01")[1]
    assert "the difference asked for needs" in printed
    assert "more, about" in printed


def test_shares_that_are_not_those_of_the_weights_leave_no_verdict(recommend: Recommend, store: Store) -> None:
    store.events.add([*looks("bold", 400, 2), *looks("shy", 60, 12)])
    printed = recommend("events", "compare", "bold", "shy")[1]
    assert "something loses readers of one arm" in printed
    assert "No verdict: the shares of readers are not those that were set." in printed


def test_of_interleaved_variants_the_preferred_one_is_told_with_its_margin(recommend: Recommend, store: Store) -> None:
    told = []
    for look in range(60):
        for position, team in ((1, 1), (2, 2)):
            place: dict[str, Any] = {"impression": f"m{look}", "view": f"m{look}", "variant": "mixed", "team": team}
            place["position"] = position
            told.append(event("bc"[position - 1], **place))
            if team == 2 or look % 10 == 0:
                told.append(event("bc"[position - 1], kind="click", **place))
    store.events.add(told)
    printed = recommend("events", "prefer", "mixed")[1]
    assert "the second" in printed
    assert "margin of the second +" in printed
    assert first_json(recommend("events", "prefer", "mixed", "--json")[1])["second"] > 40


def test_a_moment_that_is_unsigned_or_unseen_is_said_not_to_count(recommend: Recommend, store: Store) -> None:
    store.events.add([event("z", kind="click", impression="q", view="q", hours=1)])
    printed = recommend("events", "ctr")[1]
    assert "1 events name no impression and do not count" in printed
    assert "1 clicks on what was not seen in the same look do not count" in printed


def test_what_the_log_cannot_tell_is_said_with_the_way_out(recommend: Recommend, store: Store, tmp_path: Path) -> None:
    (tmp_path / "run.txt").write_text("a Q0 b 1 1.0 x\n", encoding="utf-8")
    for command in (["examination"], ["replay", "run.txt"]):
        code, printed = recommend("events", *command)
        assert (code, "service.swaps = 0.05" in printed) == (1, True), command
    code, printed = recommend("events", "prefer", "new")
    assert (code, "interleaves" in printed) == (1, True)
    assert recommend("events", "prune")[0] == 2
    assert "7 events deleted" in recommend("events", "prune", "--keep-days", "1")[1]
    code, printed = recommend("events", "ctr")
    assert (code, "there are no impressions" in printed) == (1, True)


def test_a_log_with_exchanges_tells_what_positions_and_another_ranking_are_worth(
    recommend: Recommend, store: Store, tmp_path: Path
) -> None:
    told = []
    for look in range(80):
        swapped = look % 4 == 0
        for base, item in ((1, "b"), (2, "e")):
            place: dict[str, Any] = {"position": 3 - base if swapped else base, "base": base, "hours": 5}
            place |= {"down": 0.25 * (base == 1), "up": 0.25 * (base == 2)}
            place |= {"impression": f"k{look % 8}", "view": str(look)}
            told.append(event(item, **place))
            if (look // 8) % (2 if place["position"] == 1 else 4) == 0:
                told.append(event(item, kind="click", **place))
    store.events.add(told)
    found = recommend("events", "examination", "-k", "2", "--json")[1]
    assert 0.2 < first_json(found)["curve"][1] < 0.8
    assert "looks with it exchanged" in recommend("events", "examination", "-k", "2")[1]
    (tmp_path / "run.txt").write_text("a Q0 e 1 2.0 x\na Q0 b 2 1.0 x\n", encoding="utf-8")
    assert "doubly robust" in recommend("events", "replay", "run.txt", "-k", "2")[1]
    found = recommend("events", "replay", "run.txt", "-k", "2", "--json")[1]
    assert first_json(found)["looks"] > 70
    (tmp_path / "run.txt").write_text("z Q0 e 1 2.0 x\n", encoding="utf-8")
    assert recommend("events", "replay", "run.txt")[0] == 1
