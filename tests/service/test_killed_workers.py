"""Workers are killed while they write. ``KILLS=n`` sets how many."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from recommend.settings import Settings

BOX = "/v1/articles/a-central-asia-condemns-drone-attack/related?limit=50"
GONE = None


@dataclass
class Writing:
    """One thread's stream of changes to articles of its own.

    Attributes:
        held: by id the text of the last acknowledged change, ``GONE`` after a takedown.
        open: by id the changes that were sent after it and got no answer: each may have been carried out or not.
    """

    address: str
    connect: Any
    number: int
    held: dict[str, str | None] = field(default_factory=dict)
    open: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    acknowledged: int = 0

    def run(self, stop: threading.Event) -> None:
        chance = random.Random(f"{self.number} {time.time_ns()}")
        limits = httpx.Limits(max_keepalive_connections=0)
        with self.connect(self.address, key=True, limits=limits) as client:
            while not stop.is_set():
                article_id = f"w{self.number}-{chance.randrange(5)}"
                text = GONE if chance.random() < 0.4 else f"Leaders condemn drone attack {chance.getrandbits(64):x}"
                try:
                    self._send(client, article_id, text)
                except httpx.TransportError:
                    continue

    def _send(self, client: Any, article_id: str, text: str | None) -> None:
        self.open[article_id].add(text)
        path = f"/v1/articles/{article_id}"
        if text is GONE:
            assert client.delete(path).status_code == 204
        else:
            assert client.put(path, json={"title": text, "text": text}).status_code in {200, 201}
        self.held[article_id] = text
        del self.open[article_id]
        self.acknowledged += 1
        if text is GONE:
            self.check_gone(client, article_id)

    def check_gone(self, client: Any, article_id: str) -> None:
        assert client.get(f"/v1/articles/{article_id}").status_code == 404
        assert client.get(f"/v1/articles/{article_id}/related?fallback=none").status_code == 404
        assert article_id not in {item["id"] for item in client.get(BOX).json()["items"]}

    def check(self, client: Any) -> None:
        """Whatever worker answers, it shows what was acknowledged, or what was under way when the other was killed."""
        for article_id in self.held.keys() | self.open.keys():
            possible = {self.held.get(article_id), *self.open.get(article_id, ())}
            answer = client.get(f"/v1/articles/{article_id}")
            assert (answer.json()["title"] if answer.status_code == 200 else GONE) in possible
            box = client.get(f"/v1/articles/{article_id}/related?fallback=none")
            assert box.status_code == answer.status_code
            if answer.status_code == 404:
                self.check_gone(client, article_id)


@pytest.mark.databases("sqlite", "pgvector")
def test_a_killed_worker_loses_nothing_acknowledged_brings_nothing_back_and_is_replaced(
    copied_as: Settings, serve_workers: Any, connect: Any
) -> None:
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    chance = random.Random()
    kills = int(os.environ.get("KILLS", "1"))
    with serve_workers(copied_as) as workers, ThreadPoolExecutor(3) as pool:
        writings = [Writing(workers.address, connect, number) for number in range(3)]
        for _ in range(kills):
            stop = threading.Event()
            running = [pool.submit(writing.run, stop) for writing in writings]
            before = sum(writing.acknowledged for writing in writings)
            try:
                while sum(writing.acknowledged for writing in writings) < before + 5:
                    assert not any(one.done() for one in running), [one.exception(0) for one in running if one.done()]
                    time.sleep(0.01)
                time.sleep(chance.random() / 2)
                killed = chance.choice(workers.processes)
                os.kill(killed, signal.SIGKILL)
                time.sleep(0.2)
            finally:
                stop.set()
            for one in running:
                one.result(60)
            workers.wait()
            assert killed not in workers.processes
            lines = [orjson.loads(line) for line in workers.log.read_bytes().splitlines()]
            told = [line["message"] for line in lines if line["name"] == "recommend.workers"]
            assert told[-1].startswith(f"worker {killed} ended by SIGKILL")
            assert told[-1].rsplit(" ", 1)[1] in {str(worker) for worker in workers.processes}
            for worker in workers.processes:
                with workers.only(worker), connect(workers.address, key=True, limits=each_connects_anew) as client:
                    for writing in writings:
                        writing.check(client)
        total = sum(writing.acknowledged for writing in writings)
        print(f"{kills} kills, {total} acknowledged changes")  # with -s
