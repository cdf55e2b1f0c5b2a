"""Connections that are slow, half sent, idle, endless or too large (rows B8 and P10)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from recommend.settings import Settings

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
EACH_CONNECTS_ANEW = httpx.Limits(max_keepalive_connections=0)


def _with(settings: Settings, **service: Any) -> Settings:
    return settings.model_copy(update={"service": settings.service.model_copy(update=service)})


def _connected(address: str, sent: bytes) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(sent)
    return connection


@pytest.fixture(scope="module")
def slow(sized: Callable[[int, int], int]) -> int:
    """How many connections send their bodies slowly."""
    return sized(64, 256)


@pytest.fixture(scope="module")
def workers(sample: Settings, serve_workers: Any, slow: int) -> Iterator[Any]:
    """A service with room for a quarter of those, which gives heads a second."""
    with serve_workers(_with(sample, header_timeout=1.0, max_concurrency=slow // 4)) as served:
        yield served


def test_b8_slow_bodies_without_a_key_are_refused_before_they_come_or_leave_room_for_readers(
    workers: Any, connect: Any, held: Callable[..., None], slow: int
) -> None:
    head = "POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{"
    with connect(workers.address, limits=EACH_CONNECTS_ANEW) as client, ExitStack() as open_:
        for path in ("/v1/articles:bulk", "/v1/related", "/v1/events"):
            for _ in range(slow):
                one = open_.enter_context(closing(_connected(workers.address, head.format(path).encode())))
                if path == "/v1/articles:bulk":
                    assert one.recv(12) == b"HTTP/1.1 401"
        # boxes that are kept need no place; this one is made anew, and these take places
        paths = [f"{BOX}?exclude={n}" for n in range(20)] + ["/v1/status", "/readyz", f"/v1/articles/{STORY}"]
        assert {client.get(path).status_code for path in paths} == {200}
        held("B8", "slow bodies without a key", requests=3 * slow, workers_lost=2 - len(workers.processes))


def test_p10_half_sent_heads_and_idle_connections_are_closed_and_keep_nobody_out(
    sample: Settings, serve_workers: Any, connect: Any, held: Callable[..., None], sized: Any
) -> None:
    count = sized(60, 700)
    with (
        serve_workers(_with(sample, header_timeout=1.0, max_connections=count // 6)) as workers,
        connect(workers.address, limits=EACH_CONNECTS_ANEW) as client,
        ExitStack() as open_,
    ):
        codes, idle = [], []
        for number in range(count):
            sent = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Half: " if number % 2 else b""
            idle.append(open_.enter_context(closing(_connected(workers.address, sent))))
            if number % 10 == 0:
                codes += [client.get(path).status_code for path in (BOX, "/readyz", f"/v1/articles/{STORY}")]
        assert set(codes) == {200}
        for connection in idle:  # each is closed by the service, which sends nothing before
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert client.get(BOX).status_code == 200
        held("P10", "half-sent heads and idle connections", requests=count, workers_lost=2 - len(workers.processes))


def test_p10_a_head_that_does_not_end_is_refused_before_it_is_kept(workers: Any, held: Callable[..., None]) -> None:
    start = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: "
    for head in (start + b"x" * 70_000, start + b"x" * 300_000 + b"\r\n\r\n"):
        with closing(_connected(workers.address, b"")) as connection:
            with suppress(ConnectionError):
                connection.sendall(head)
            with suppress(ConnectionResetError):  # what was not read is answered by a reset
                assert connection.recv(12) in {b"HTTP/1.1 431", b""}
    body = b'{"title": "%s"}' % (b"x" * 100_000)
    head = b"POST /v1/related HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r" % len(body)
    with closing(_connected(workers.address, head)) as connection:  # the end of a head comes in two pieces
        time.sleep(0.1)
        connection.sendall(b"\n" + body)
        assert connection.recv(12) in {b"HTTP/1.1 422", b"HTTP/1.1 200"}
    held("P10", "heads without an end", requests=3, workers_lost=2 - len(workers.processes))


def test_b8_what_needs_no_key_may_send_two_megabytes(reader: Any, held: Callable[..., None]) -> None:
    for path in ("/v1/related", "/v1/events"):
        body = b'{"title": "x", "z": [' + b"[]," * 700_000 + b"[]]}"
        assert reader.post(path, content=body, headers={"Content-Type": "application/json"}).status_code == 413
    held("B8", "two megabytes of empty lists without a key", requests=2)


def test_p10_a_body_that_goes_on_after_its_answer_does_not_hold_the_connection(
    workers: Any, held: Callable[..., None]
) -> None:
    head = b"POST /v1/articles:bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    with closing(_connected(workers.address, head)) as one:
        assert one.recv(12) == b"HTTP/1.1 401"
        while _dripped(one):
            time.sleep(0.1)
        held("P10", "a body that drips on after its refusal", requests=1, workers_lost=2 - len(workers.processes))


def _dripped(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except OSError:
        return False
    return True
