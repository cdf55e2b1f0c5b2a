"""Bounds on what requests may cost. Those on bodies are tested with the other problems, in test_problems.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from recommend.settings import Settings
from recommend.store import Store
from recommend.store.rows import Written
from recommend_service.app import create_app
from recommend_service.middleware.limits import BodyLimit, RateLimit, Timeout

BOX = "/v1/articles/a-central-asia-condemns-drone-attack/related"
WATCHED = ("/healthz", "/readyz")


@pytest.fixture
def limited(newsroom: Any, serve: Any) -> Callable[..., AbstractContextManager[Any]]:
    """Runs a second service on the newsroom's store, under limits."""

    def run(**limits: Any) -> AbstractContextManager[Any]:
        settings: Settings = newsroom.settings
        service = settings.service.model_copy(update=limits)
        running: AbstractContextManager[Any] = serve(settings.model_copy(update={"service": service}))
        return running

    return run


def test_a_full_service_refuses_at_once_and_serves_again_when_there_is_room(limited: Any, upload: Any) -> None:
    with limited(max_concurrency=2, max_uploads=2) as service:
        held = [upload(service.address, f"held-{uuid4()}") for _ in range(2)]
        for _ in range(3):
            refused = service.reader.get(BOX)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert refused.json()["detail"] == "2 requests are at work already; try again"
        assert [service.reader.get(path).status_code for path in WATCHED] == [200, 200]
        assert held.pop().finish()[0] == 201
        assert service.reader.get(BOX).status_code == 200
        assert held.pop().finish()[0] == 201


def test_uploads_take_no_more_than_their_places_and_readers_have_the_others(limited: Any, upload: Any) -> None:
    with limited(max_concurrency=4) as service:
        held = [upload(service.address, f"held-{uuid4()}") for _ in range(2)]
        refused = service.writer.article("PUT", f"held-{uuid4()}", json={"title": "One too many"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["detail"] == "2 requests with a body are at work already; try again"
        assert [service.reader.get(path).status_code for path in (BOX, "/v1/status", *WATCHED)] == [200] * 4
        assert [one.finish()[0] for one in held] == [201, 201]


def test_a_body_that_does_not_come_is_not_waited_for(limited: Any, upload: Any) -> None:
    with limited(timeout=1.0, max_concurrency=1) as service:
        status, body = upload(service.address, "never-whole").answer()
        assert status == 503
        assert b"no answer began within 1 seconds; a write may still be carried out" in body
        assert service.reader.get(BOX).status_code == 200
        assert service.writer.article("GET", "never-whole").status_code == 404


def test_a_write_that_hangs_is_answered_while_it_hangs_and_what_waits_behind_it_is_not_carried_out(
    limited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, write = threading.Event(), Store.write

    def hanging(*arguments: Any, **options: Any) -> list[Written]:
        assert free.wait(60)
        return write(*arguments, **options)

    monkeypatch.setattr(Store, "write", hanging)
    hangs, waits = f"hangs-{uuid4()}", f"waits-{uuid4()}"
    with limited(timeout=1.0) as service:
        for article_id in (hangs, waits):
            late = service.writer.article("PUT", article_id, json={"title": "Slow"})
            assert (late.status_code, late.headers["Retry-After"]) == (503, "1")
        assert service.reader.get(BOX).status_code == 200
        free.set()
        deadline = time.monotonic() + 20
        while service.writer.article("GET", hangs).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert service.writer.article("GET", waits).status_code == 404
        assert service.writer.article("PUT", waits, json={"title": "Slow"}).status_code == 201


@pytest.mark.parametrize(("begins", "seen"), [(True, [200, b"whole"]), (False, [503])])
def test_an_answer_that_has_begun_may_take_its_time(begins: bool, seen: list[object]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"whole"})

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    scope = {"type": "http", "method": "PUT", "app": create_app(Settings())}
    asyncio.run(Timeout(app, 0.02)(scope, None, send))  # type: ignore[arg-type]
    values = [message.get("status", message.get("body")) for message in sent]
    assert values[: len(seen)] == seen
    assert len(sent) == 2


def test_who_asks_too_often_is_told_when_to_come_back(limited: Any) -> None:
    with limited(rate_limit="3/hour") as service:
        codes = [service.reader.get(BOX).status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        refused = service.reader.get("/v1/status", headers={"Authorization": f"Bearer {uuid4()}"})
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 3600
        assert "3 per 1 hour from this address" in refused.json()["detail"]
        assert [service.reader.get(path).status_code for path in WATCHED] == [200, 200]
        assert [service.writer.get(BOX).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert "from this key" in service.writer.get(BOX).json()["detail"]


def test_who_has_a_network_of_addresses_is_counted_once() -> None:
    codes = list[int]()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            codes.append(message["status"])

    limit = RateLimit(app, "1/hour")
    for address in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1", "::ffff:192.0.2.1", "192.0.2.1",
                    "192.0.2.2", "::ffff:192.0.2.3", "unix"):  # fmt: skip
        scope = {"type": "http", "path": BOX, "client": (address, 1), "state": {"key_name": None}, "app": Mock()}
        asyncio.run(limit(scope, None, send))  # type: ignore[arg-type]
    assert codes == [200, 429, 200, 200, 429, 200, 200, 200]


def test_after_the_window_it_is_answered_again(limited: Any) -> None:
    with limited(rate_limit="1/second") as service:
        deadline = time.monotonic() + 20
        while service.reader.get(BOX).status_code != 429:
            assert time.monotonic() < deadline
        time.sleep(int(service.reader.get(BOX).headers.get("Retry-After", 0)))
        while service.reader.get(BOX).status_code != 200:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("rate", ["600", "600/fortnight", "0/minute", "-1/minute", "600 / minute", "600/minute; 1/day"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="rate_limit"):
        Settings.model_validate({"service": {"rate_limit": rate}})


@pytest.mark.parametrize(("size", "whole"), [(100, False), (2_000_000, True)])
def test_a_body_must_come_at_some_speed_however_long_it_is(size: int, whole: bool) -> None:
    messages = [{"type": "http.request", "body": b"x" * size, "more_body": True}] * 3

    async def receive() -> Message:
        await asyncio.sleep(0.2)
        return messages.pop()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while messages:
            await receive()

    scope = {"type": "http", "method": "POST", "path": "/v1/articles:bulk", "headers": []}
    limited = BodyLimit(app, limit=10**9, patience=0.3)
    if whole:
        asyncio.run(limited(scope, receive, app))  # type: ignore[arg-type]
    else:
        with pytest.raises(HTTPException, match=r"100 bytes of the body came in"):
            asyncio.run(limited(scope, receive, app))  # type: ignore[arg-type]
    assert bool(messages) is not whole


def test_open_files_are_raised_to_what_connections_need_or_as_far_as_they_may_be() -> None:
    code = (
        "import resource, sys\nfrom recommend_service.connections import raise_descriptors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 1000))\n"
        "print(raise_descriptors(500), *resource.getrlimit(resource.RLIMIT_NOFILE))\n"
        "print(raise_descriptors(5000), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:2] == ["500 756 1000", "744 1000 1000"]
