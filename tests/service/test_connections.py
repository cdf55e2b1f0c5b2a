"""How long connections stay open between requests, and which of them makes room for another."""

from __future__ import annotations

import http.client
import time
from contextlib import ExitStack, closing
from typing import Any

from recommend.settings import Settings


def test_an_answered_connection_stays_for_the_next_request_longer_than_a_head_may_take(
    sample: Settings, serve_workers: Any
) -> None:
    with serve_workers(_with(sample, header_timeout=0.5)) as workers, closing(_connection(workers.address)) as client:
        for _ in range(3):
            assert _asked(client) == 200
            first = client.sock
            time.sleep(1.5)
        assert _asked(client) == 200
        assert client.sock is first


def test_an_answered_connection_is_closed_once_it_has_been_idle_for_as_long_as_the_setting_says(
    sample: Settings, serve_workers: Any
) -> None:
    with serve_workers(_with(sample, idle_timeout=1)) as workers, closing(_connection(workers.address)) as client:
        assert _asked(client) == 200
        client.sock.settimeout(30)
        assert client.sock.recv(1) == b""


def test_answered_connections_that_are_idle_make_room_for_others(sample: Settings, serve_workers: Any) -> None:
    with serve_workers(_with(sample, max_connections=2)) as workers, ExitStack() as open_:
        clients = [open_.enter_context(closing(_connection(workers.address))) for _ in range(30)]
        assert [_asked(client) for client in clients] == [200] * 30
        still = 0
        for client in clients:
            try:
                still += _asked(client) == 200
            except (http.client.RemoteDisconnected, ConnectionError):
                client.close()
        assert 1 <= still <= 4  # two workers


def _with(settings: Settings, **service: Any) -> Settings:
    return settings.model_copy(update={"service": settings.service.model_copy(update=service)})


def _connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)


def _asked(client: http.client.HTTPConnection) -> int:
    client.request("GET", "/healthz")
    answer = client.getresponse()
    answer.read()
    return answer.status
