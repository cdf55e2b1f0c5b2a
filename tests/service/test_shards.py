"""The service over three servers of an index, one killed under load: answers go on, and say that some is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from recommend.index.opening import open_servers
from recommend.index.pgvector.shards import shard_of
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.generation import load_generation
from recommend.settings import PgvectorSettings, Settings

if TYPE_CHECKING:
    from servers import Server

CLIENTS = 3


@pytest.fixture
def service(copied: Settings, on_shards: PgvectorSettings, serve: Any) -> Iterator[Any]:
    name = current_name(IndexLayout(copied.index))
    assert name is not None
    own = copied.service.model_copy(update={"staleness": 0.0})
    settings = copied.model_copy(update={"service": own, "pgvector": on_shards})
    servers = open_servers(settings)
    assert servers is not None
    load_generation(servers, settings, name)()
    servers.close()
    with serve(settings) as running:
        yield running


@dataclass(frozen=True)
class Seen:
    """One answer: when it was asked for, and what came."""

    phase: str
    article_id: str
    status: int
    caching: str
    body: dict[str, Any]


class Load:
    """Clients that ask for boxes, each article in turn."""

    def __init__(self, service: Any, ids: list[str]) -> None:
        self.phase, self.seen, self._stop = "whole", list[Seen](), threading.Event()
        self._service, self._ids = service, ids

    def ask(self, client: int) -> None:
        for one in cycle(self._ids[client::CLIENTS]):
            if self._stop.is_set():
                return
            phase = self.phase
            # of so many none is kept: each is another question
            path = f"/v1/articles/{one}/related?limit={3 + len(self.seen) % 40}"
            answer = self._service.reader.get(path)
            caching = answer.headers.get("Cache-Control", "")
            during = phase if phase == self.phase else "between"
            self.seen.append(Seen(during, one, answer.status_code, caching, answer.json()))

    def until(self, count: int) -> None:
        """Returns when so many more answers have come."""
        wanted, deadline = len(self.seen) + count, time.monotonic() + 60
        while len(self.seen) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()


def ready(service: Any, status: str) -> dict[str, Any]:
    """What ``/readyz`` says once it says so."""
    deadline = time.monotonic() + 30
    while True:
        answer = service.reader.get("/readyz")
        assert answer.status_code == 200, answer.text
        if answer.json()["status"] == status:
            told: dict[str, Any] = answer.json()
            return told
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def partial_answers(service: Any) -> float:
    lines = service.reader.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("recommend_partial_answers_total")))


def test_a_server_killed_under_load_costs_what_only_it_holds_until_it_is_back(
    service: Any, three_servers: list[Server], quick: tuple[str, ...]
) -> None:
    every = [item["id"] for item in service.reader.get("/v1/articles", params={"limit": 50}).json()["items"]]
    there, lost = ([one for one in every if (shard_of(one, 3) == 1) == held] for held in (False, True))
    assert len(lost) > 4
    load = Load(service, [one for pair in zip(there, lost, strict=False) for one in pair])
    with ThreadPoolExecutor(CLIENTS) as threads:
        asking = [threads.submit(load.ask, client) for client in range(CLIENTS)]
        try:
            load.until(12)
            load.phase = "dying"
            three_servers[1].command("pg_ctl", "stop", "--mode=immediate")
            load.until(2 * CLIENTS)
            load.phase = "lost"
            load.until(40)
            problems = ready(service, "degraded")["problems"]
            assert "1 of 3 servers of the index do not answer" in problems[0]
            gone = lost[0]
            assert service.writer.delete(f"/v1/articles/{gone}").status_code == 204
            assert service.reader.get(f"/v1/articles/{gone}/related?fallback=none").status_code == 404
            assert service.reader.get(f"/v1/articles/{lost[1]}/related?limit=49").status_code == 503
            assert service.reader.get(f"/v1/articles/{there[0]}/related.html").headers["Cache-Control"] == "no-store"
            listed = service.reader.get("/v1/articles")
            assert (listed.json()["partial"], listed.headers["Cache-Control"]) == (True, "private, no-store")
            load.phase = "coming back"
            three_servers[1].start(*quick)
            ready(service, "ready")
            load.phase = "whole again"
            load.until(12)
        finally:
            load.stop()
        for one in asking:
            one.result()
    for seen in load.seen:
        own = shard_of(seen.article_id, 3) == 1
        assert seen.status == 200 or (seen.status == 503 and own) or (seen.article_id == gone), seen
        if seen.phase in {"whole", "whole again"} and seen.article_id != gone:
            assert seen.status == 200
            assert "partial" not in seen.body
        if seen.phase == "lost" and seen.article_id != gone:
            assert seen.status == (503 if own else 200)
        if seen.status == 200:
            assert ("partial" in seen.body) == (seen.caching == "no-store")
        if seen.body.get("partial") and seen.phase == "lost":
            assert seen.body["partial"] is True
            assert seen.body["items"]
            assert not {item["id"] for item in seen.body["items"]} & {*lost}
        if seen.phase == "whole again":
            assert gone not in {item["id"] for item in seen.body.get("items", [])}
    assert {seen.phase for seen in load.seen} >= {"whole", "lost", "whole again"}
    assert partial_answers(service) >= 10
    again = service.reader.get(f"/v1/articles/{there[0]}/related")
    assert "partial" not in again.json()
    assert again.headers["Cache-Control"].startswith("public, max-age")
