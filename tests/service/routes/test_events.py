from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from recommend.articles.events import Event
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.events import EventLog

PATH = "/v1/events"
CLICK = {"kind": "click", "article_id": "a", "item_id": "b", "position": 2}
NEWS = "https://news.example"


@pytest.fixture(scope="module")
def log(newsroom: Any) -> Iterator[Store]:
    """The store of the service, opened beside it."""
    with closing(Store(newsroom.settings.store)) as store:
        yield store


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "text/plain;charset=UTF-8"])
def test_an_event_is_kept_with_its_position_whatever_the_body_is_called(
    newsroom: Any, log: Store, media_type: str
) -> None:
    given = {**CLICK, "request_id": media_type, "variant": "new", "happened_at": "2026-01-05T12:00:00Z"}
    answer = newsroom.reader.post(PATH, content=orjson.dumps(given), headers={"Content-Type": media_type})
    assert (answer.status_code, answer.content) == (202, b"")
    assert Event.model_validate(given) in list(log.events.read())


def test_a_list_is_kept_whole_or_not_at_all(newsroom: Any, log: Store) -> None:
    good = [{**CLICK, "request_id": "whole", "position": position} for position in range(1, 51)] * 2
    assert newsroom.reader.post(PATH, json=good).status_code == 202
    refused = newsroom.reader.post(PATH, json=[*good[:3], {**CLICK, "request_id": "whole", "position": 0}])
    assert (refused.status_code, refused.json()["detail"].startswith("body.3.position: ")) == (422, True)
    assert sum(event.request_id == "whole" for event in log.events.read()) == 100


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


def test_nothing_of_the_reader_is_kept(newsroom: Any) -> None:
    secrets = {
        "User-Agent": "agent-of-reader",
        "Cookie": "session=cookie-of-reader",
        "Referer": "https://x.example/of-reader",
    }
    body = {**CLICK, "request_id": "private", "reader": "name-of-reader"}
    answer = newsroom.reader.post(PATH, json=body, headers=secrets)
    assert (answer.status_code, "set-cookie" in answer.headers) == (202, False)
    path = newsroom.settings.store.removeprefix("sqlite:///")
    kept = b"".join(Path(path + suffix).read_bytes() for suffix in ("", "-wal"))
    assert b"private" in kept
    assert b"of-reader" not in kept


def test_events_that_come_together_share_a_transaction_and_readers_do_not_wait(
    newsroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, started, go_on, add = [], threading.Event(), threading.Event(), EventLog.add

    def slow(self: EventLog, added: Sequence[Event]) -> None:
        groups.append(len(added))
        started.set()
        assert go_on.wait(30)
        add(self, added)

    def send(number: int) -> int:
        return httpx.post(f"{newsroom.address}{PATH}", json={**CLICK, "position": number}, trust_env=False).status_code

    monkeypatch.setattr(newsroom.state.events, "_write", slow.__get__(newsroom.state.store.events))
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
    newsroom: Any, log: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Sequence[Event]) -> None:
        raise StoreError("store: the change was not written: disk full")

    with monkeypatch.context() as patch:
        patch.setattr(newsroom.state.events, "_write", full)
        refused = newsroom.reader.post(PATH, json=CLICK)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert newsroom.reader.post(PATH, json={**CLICK, "request_id": "after"}).status_code == 202
    assert any(event.request_id == "after" for event in log.events.read())


def test_more_than_can_wait_is_refused_for_now(newsroom: Any, log: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recommend_service.group_commit._MOST_WAITING", 2)
        refused = newsroom.reader.post(PATH, json=[{**CLICK, "request_id": "too many"}] * 3)
        assert (refused.status_code, "no more are taken now" in refused.json()["detail"]) == (503, True)
        assert newsroom.reader.post(PATH, json=[CLICK] * 2).status_code == 202
    assert not any(event.request_id == "too many" for event in log.events.read())


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
        answer = open_to.reader.post(PATH, json=CLICK, headers={"Origin": NEWS})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, NEWS)
        assert "X-Variant" in answer.headers["Access-Control-Expose-Headers"]
