"""How long connections stay open between requests, and which of them makes room for another."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from recommend.settings import Settings


@pytest.fixture(scope="module")
def address(sample: Settings, serve_workers: Any) -> Iterator[str]:
    """Of a service that holds two connections a worker, gives heads half a second, and idle ones four."""
    limits = {"header_timeout": 0.5, "idle_timeout": 4, "max_connections": 2}
    service = sample.service.model_copy(update=limits)
    with serve_workers(sample.model_copy(update={"service": service})) as workers:
        yield workers.address


def test_an_answered_connection_stays_for_the_next_request_longer_than_a_head_may_take(address: str) -> None:
    with closing(_connection(address)) as client:
        for _ in range(2):
            assert _asked(client) == 200
            first = client.sock
            time.sleep(1.2)
        assert _asked(client) == 200
        assert client.sock is first


def test_an_answered_connection_is_closed_once_it_has_been_idle_for_as_long_as_the_setting_says(address: str) -> None:
    with closing(_connection(address)) as client:
        assert _asked(client) == 200
        client.sock.settimeout(30)
        assert client.sock.recv(1) == b""


def test_answered_connections_that_are_idle_make_room_for_others(address: str) -> None:
    with ExitStack() as open_:
        clients = [open_.enter_context(closing(_connection(address))) for _ in range(30)]
        assert [_asked(client) for client in clients] == [200] * 30
        still = 0
        for client in reversed(clients):  # those that came last first: they are closed for being idle, too
            try:
                still += _asked(client) == 200
            except (http.client.RemoteDisconnected, ConnectionError):
                client.close()
        assert 1 <= still <= 4  # two workers


def _connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)


def _asked(client: http.client.HTTPConnection) -> int:
    client.request("GET", "/healthz")
    answer = client.getresponse()
    answer.read()
    return answer.status
