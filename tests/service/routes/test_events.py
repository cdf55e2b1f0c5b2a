from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from recommend.articles.events import Event
from recommend.errors import StoreError
from recommend.settings import EventSettings, Settings
from recommend.store import Store

PATH = "/v1/events"
STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
CLICK = {"kind": "click", "article_id": STORY, "item_id": "b", "view": "v"}
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
NEWS = "https://news.example"


@pytest.fixture(scope="module")
def log(newsroom: Any) -> Iterator[Store]:
    """The store of the service, opened beside it."""
    with closing(Store(newsroom.settings.store)) as store:
        yield store


@pytest.fixture(scope="module")
def told(newsroom: Any) -> Callable[..., dict[str, Any]]:
    """What a page tells of the item at a position of a box."""
    box = newsroom.reader.get(BOX, params={"limit": 5}).json()

    def tell(nth: int = 2, /, **fields: object) -> dict[str, Any]:
        item = box["items"][nth - 1]["id"]
        return {**CLICK, "item_id": item, "impression": box["impression"], **fields}

    return tell


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "text/plain;charset=UTF-8"])
def test_an_event_is_kept_with_what_its_impression_tells_whatever_the_body_is_called(
    newsroom: Any, log: Store, told: Any, media_type: str
) -> None:
    given = told(2, view=media_type, variant="made up")
    answer = newsroom.reader.post(PATH, content=orjson.dumps(given), headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()) == (202, {"kept": 1, "refused": []})
    (kept,) = [event for event in log.events.read() if event.view == media_type]
    assert (kept.item_id, kept.position, kept.base, kept.variant) == (given["item_id"], 2, 2, None)
    assert kept.settings is not None


def test_what_is_told_fifty_times_counts_once_and_once_more_in_another_view(
    newsroom: Any, log: Store, told: Any
) -> None:
    for _ in range(2):
        assert newsroom.reader.post(PATH, json=[told(view="often")] * 50).json()["kept"] == 50
    newsroom.reader.post(PATH, json=[told(view="often", kind="impression"), told(view="again")])
    kept = [(event.view, event.kind) for event in log.events.read() if event.view in {"often", "again"}]
    assert sorted(kept) == [("again", "click"), ("often", "click"), ("often", "impression")]


def test_one_that_is_no_event_refuses_all_and_one_that_was_never_shown_only_itself(
    newsroom: Any, log: Store, told: Any
) -> None:
    good = [told(position, view="whole") for position in (1, 2, 3)]
    malformed = newsroom.reader.post(PATH, json=[*good, told(1, position=0)])
    assert (malformed.status_code, malformed.json()["detail"].startswith("body.3.position: ")) == (422, True)
    assert not any(event.view == "whole" for event in log.events.read())
    answer = newsroom.reader.post(PATH, json=[*good, told(1, item_id="never shown", view="whole")])
    assert answer.status_code == 202
    assert answer.json() == {"kept": 3, "refused": [{"event": 3, "reason": "the item is not in the impression"}]}
    assert sum(event.view == "whole" for event in log.events.read()) == 3


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "without an impression": ({"impression": None}, "there is no impression"),
    "with one made up": ({"impression": "AQAHj2k"}, "the impression was not signed here"),
    "with one that is no base64": ({"impression": "é"}, "the impression was not signed here"),
    "under another article": ({"article_id": "b-draft"}, "the impression is of another article"),
    "under an unknown article": ({"article_id": "unknown"}, "the impression is of another article"),
    "on what was not shown": ({"item_id": STORY}, "the item is not in the impression"),
    "at another position": ({"position": 4}, "the item stood at another position"),
    "from before": ({"happened_at": "2001-01-01T00:00:00Z"}, "it happened before its impression"),
    "without a view": ({"view": None}, "there is neither view nor request_id"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_answer_vouches_for_is_refused_with_the_reason_and_counted(
    newsroom: Any, log: Store, told: Any, case: str
) -> None:
    fields, reason = REFUSED[case]
    events, before = len(list(log.events.read())), log.events.refused().get(reason, 0)
    answer = newsroom.reader.post(PATH, json=told(**fields))
    assert (answer.status_code, answer.json()["detail"]) == (422, f"body.0: {reason}")
    assert (len(list(log.events.read())), log.events.refused()[reason]) == (events, before + 1)


def test_an_impression_holds_for_three_days_and_is_the_same_all_day_long(
    newsroom: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert newsroom.reader.get(BOX, params={"limit": 5}).json()["impression"] == told()["impression"]
    now, at = time.time(), 0.0
    monkeypatch.setattr("recommend_service.routes.events.time", lambda: now + at)
    monkeypatch.setattr("recommend_service.answering.time", lambda: now + at)
    monkeypatch.setattr("recommend_service.middleware.fast_path.time", lambda: now + at)
    newsroom.reader.get(BOX, params={"limit": 5})  # ready from now on
    for hours, status in ((47, 202), (72, 422)):
        at = hours * 3600.0
        assert newsroom.reader.post(PATH, json=told(view="late")).status_code == status
        assert newsroom.reader.get(BOX, params={"limit": 5}).json()["impression"] != told()["impression"]


def test_answers_in_which_nothing_was_chosen_for_readers_have_no_impression(newsroom: Any) -> None:
    for params in ({"explain": True}, {"section": "Nowhere"}):
        assert newsroom.reader.get(BOX, params=params).json()["impression"] is None
    assert newsroom.reader.get("/v1/articles/unknown/related").json()["impression"] is None
    assert (
        newsroom.reader.post("/v1/related", json={"title": "Leaders condemn drone attack"}).json()["impression"] is None
    )


def test_a_robot_that_says_so_is_not_counted_and_a_site_that_passes_events_on_is(
    newsroom: Any, log: Store, told: Any
) -> None:
    answer = newsroom.reader.post(PATH, json=told(view="robot"), headers={"User-Agent": GOOGLE})
    assert (answer.status_code, answer.json()["kept"]) == (202, 0)
    assert answer.json()["refused"] == [{"event": 0, "reason": "the User-Agent is a robot's"}]
    assert (
        newsroom.reader.post(PATH, json=told(view="relayed"), headers={"User-Agent": "python-httpx/1"}).status_code
        == 202
    )
    assert [event.view for event in log.events.read() if event.view in {"robot", "relayed"}] == ["relayed"]


def test_units_are_dropped_or_kept_as_a_keyed_hash_where_that_is_set(copied: Settings, serve: Any) -> None:
    kept = []
    for units in (False, True):
        settings = copied.model_copy(update={"events": EventSettings(units=units)})
        with serve(settings) as running, closing(Store(settings.store)) as store:
            box = running.reader.get(BOX).json()
            click = {**CLICK, "item_id": box["items"][0]["id"], "impression": box["impression"], "unit": "reader 7"}
            for view in ("a", "b"):
                assert running.reader.post(PATH, json={**click, "view": f"{view} {units}"}).status_code == 202
            kept.append([event.unit for event in store.events.read()][-2:])
    assert kept[0] == [None, None]
    assert (len({*kept[1]}), "reader" in str(kept[1])) == (1, False)


def test_events_that_are_too_old_are_deleted_as_new_ones_come_in(
    copied: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend_service.event_intake._PRUNE_SECONDS", -1.0)
    settings = copied.model_copy(update={"events": EventSettings(keep_days=30)})
    with serve(settings) as running, closing(Store(settings.store)) as store:
        old, young = (datetime.now(UTC) - timedelta(days=days) for days in (31, 29))
        store.events.add([Event.model_validate({**CLICK, "position": 1, "happened_at": at}) for at in (old, young)])
        box = running.reader.get(BOX).json()
        click = {**CLICK, "item_id": box["items"][0]["id"], "impression": box["impression"], "view": "new"}
        assert running.reader.post(PATH, json=click).status_code == 202
        assert next(store.events.read()).happened_at == young


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 10_000, b"[[]]", b'{"kind": "click"}',
     orjson.dumps([CLICK] * 101), orjson.dumps({**CLICK, "kind": "hover"}), orjson.dumps({**CLICK, "item_id": "\0"}),
     orjson.dumps(CLICK).replace(b'"b"', b'"\\ud800"')],
    ids=lambda body: str(body[:40]),
)  # fmt: skip
def test_what_is_no_event_is_refused(newsroom: Any, log: Store, body: bytes) -> None:
    before = len(list(log.events.read()))
    assert newsroom.reader.post(PATH, content=body).status_code == 422
    assert len(list(log.events.read())) == before


def test_nothing_of_the_reader_is_kept(newsroom: Any, told: Any) -> None:
    secrets = {
        "User-Agent": "agent-of-reader",
        "Cookie": "session=cookie-of-reader",
        "Referer": "https://x.example/of-reader",
    }
    body = told(request_id="private", reader="name-of-reader", unit="unit-of-reader")
    answer = newsroom.reader.post(PATH, json=body, headers=secrets)
    assert (answer.status_code, "set-cookie" in answer.headers) == (202, False)
    path = newsroom.settings.store.removeprefix("sqlite:///")
    kept = b"".join(Path(path + suffix).read_bytes() for suffix in ("", "-wal"))
    assert b"private" in kept
    assert b"of-reader" not in kept


def test_events_that_come_together_share_a_transaction_and_readers_do_not_wait(
    newsroom: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, started, go_on, write = [], threading.Event(), threading.Event(), newsroom.state.events._write

    def slow(added: Sequence[Event]) -> None:
        groups.append(len(added))
        started.set()
        assert go_on.wait(30)
        write(added)

    def send(number: int) -> int:
        given = told(view=f"group {number}")
        return httpx.post(f"{newsroom.address}{PATH}", json=given, trust_env=False).status_code

    monkeypatch.setattr(newsroom.state.events, "_write", slow)
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(send, 1)
        assert started.wait(30)
        others = [pool.submit(send, number) for number in range(2, 12)]
        while len(newsroom.state.events._waiting) < 10:
            assert newsroom.reader.get("/healthz").status_code == 200
        assert not first.done()
        go_on.set()
        assert [first.result(), *(other.result() for other in others)] == [202] * 11
    assert groups == [1, 10]


def test_events_that_cannot_be_written_are_not_acknowledged_and_the_next_ones_are(
    newsroom: Any, log: Store, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Sequence[Event]) -> None:
        raise StoreError("store: the change was not written: disk full")

    with monkeypatch.context() as patch:
        patch.setattr(newsroom.state.events, "_write", full)
        refused = newsroom.reader.post(PATH, json=told())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert newsroom.reader.post(PATH, json=told(request_id="after", view="after")).status_code == 202
    assert any(event.request_id == "after" for event in log.events.read())


def test_more_than_can_wait_is_refused_for_now(
    newsroom: Any, log: Store, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recommend_service.group_commit._MOST_WAITING", 2)
        refused = newsroom.reader.post(PATH, json=[told(view="too many")] * 3)
        assert (refused.status_code, "the queue is full" in refused.json()["detail"]) == (503, True)
        assert newsroom.reader.post(PATH, json=[told()] * 2).status_code == 202
    assert not any(event.view == "too many" for event in log.events.read())


def test_a_listed_origin_may_post_events_and_read_the_variant(copied: Settings, serve: Any) -> None:
    service = copied.service.model_copy(update={"cors_origins": [NEWS]})
    with serve(copied.model_copy(update={"service": service})) as open_to:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        allowed = httpx.options(f"{open_to.address}{PATH}", headers={"Origin": NEWS, **asks}, trust_env=False)
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, NEWS)
        assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
        refused = httpx.options(
            f"{open_to.address}{PATH}", headers={"Origin": "https://x.example", **asks}, trust_env=False
        )
        assert refused.status_code == 400
        box = open_to.reader.get(BOX).json()
        click = {**CLICK, "item_id": box["items"][0]["id"], "impression": box["impression"]}
        answer = open_to.reader.post(PATH, json=click, headers={"Origin": NEWS})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, NEWS)
        assert "X-Variant" in answer.headers["Access-Control-Expose-Headers"]
