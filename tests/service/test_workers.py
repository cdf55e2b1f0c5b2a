"""Two worker processes of `recommend serve`, each asked on its own by holding the other one still."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from recommend.settings import Settings

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")

BOX = "/v1/articles/a-central-asia-condemns-drone-attack/related?limit=50"
_ANSWERED = r'recommend_request_seconds_count\{[^}]*route="/v1/articles/\{article_id\}/related"[^}]*\} (\S+)'
NEW = {
    "title": "Kazakhstan's president repeats his condemnation of the drone attack on Putin's Novgorod residence",
    "published_at": "2026-01-02T08:00:00Z",
    "url": "https://meridian-courier.example/world/workers",
}


@pytest.fixture
def workers(copied: Settings, serve_workers: Any) -> Iterator[Any]:
    """A service of two workers."""
    with serve_workers(copied) as served:
        yield served


def test_a_put_shows_and_a_delete_holds_through_every_worker(workers: Any, connect: Any) -> None:
    address, processes = workers.address, workers.processes
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with (
        connect(address, key=True, limits=each_connects_anew) as writer,
        connect(address, limits=each_connects_anew) as reader,
    ):

        def ask(worker: int, path: str) -> Any:
            with workers.only(worker):
                return reader.get(path)

        def box(worker: int) -> tuple[int, set[str]]:
            body = ask(worker, BOX).json()
            return body["revision"], {item["id"] for item in body["items"]}

        for remover in processes:
            article = f"/v1/articles/workers-{remover}"
            put = writer.put(article, json=NEW)
            assert put.status_code == 201
            for worker in processes:
                revision, shown = box(worker)
                assert f"workers-{remover}" in shown
                assert revision == put.json()["revision"]
                assert ask(worker, f"/v1/related?url={NEW['url']}").json()["article_id"] == f"workers-{remover}"
            with workers.only(remover):
                assert writer.delete(article).status_code == 204
            for number in range(50):
                assert f"workers-{remover}" not in box(processes[number % 2])[1]
            for worker in processes:
                assert ask(worker, article).status_code == 404
                assert ask(worker, f"{article}/related?fallback=none").status_code == 404

        time.sleep(0.2)  # an answer is counted when it has gone out
        texts = [ask(worker, "/metrics").text for worker in processes]
        counted = [sum(float(n) for n in re.findall(_ANSWERED, text)) for text in texts]
        assert counted[0] == counted[1] == 2 * (2 * 1 + 50 + 2)

    for worker in processes:
        loaded = Path(f"/proc/{worker}/maps").read_text()
        assert "faiss" in loaded
        assert "torch" not in loaded
    assert "faiss" not in Path(f"/proc/{workers.supervisor}/maps").read_text()
    assert any("onnxruntime" in Path(f"/proc/{worker}/maps").read_text() for worker in processes)


def test_a_request_in_flight_is_answered_before_the_service_ends(workers: Any, upload: Any) -> None:
    address, (busy, idle) = workers.address, workers.processes
    with workers.only(busy):
        half = upload(address, "in-flight")
    os.kill(workers.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while idle in workers.processes:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert half.finish()[0] == 201


def test_what_editors_block_pin_or_hide_holds_through_every_worker_from_the_next_answer(
    workers: Any, connect: Any
) -> None:
    address, processes = workers.address, workers.processes
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with connect(address, key=True, limits=each_connects_anew) as writer:

        def ids(worker: int) -> list[str]:
            with workers.only(worker):
                return [item["id"] for item in writer.get(BOX).json()["items"]]

        for editor in processes:
            first, second, *_, last = ids(editor)
            body = {"pinned": [{"id": last}], "blocked": [{"id": first}]}
            with workers.only(editor):
                revision = writer.put(BOX.replace("/related?limit=50", "/curation"), json=body).json()["revision"]
            for worker in processes:
                assert first not in ids(worker)
                assert ids(worker)[0] == last
            with workers.only(editor):
                hidden = writer.put(f"/v1/articles/{second}/curation", json={"hidden_until": "2999-01-01"}).json()
            assert hidden["revision"] == revision + 1
            assert [second in ids(worker) for worker in processes] == [False, False]
            for path in (BOX.replace("/related?limit=50", "/curation"), f"/v1/articles/{second}/curation"):
                with workers.only(editor):
                    assert writer.put(path, json={}).status_code == 200
            assert [ids(worker)[:2] for worker in processes] == [[first, second]] * 2


def test_on_postgresql_a_worker_shows_its_own_changes_at_once_and_others_after_the_staleness(
    on_postgresql: Settings, serve_workers: Any, connect: Any
) -> None:
    staleness = on_postgresql.service.staleness
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with (
        serve_workers(on_postgresql) as workers,
        connect(workers.address, key=True, limits=each_connects_anew) as client,
    ):
        processes = workers.processes

        def box(worker: int) -> tuple[int, bool]:
            with workers.only(worker):
                body = client.get(BOX).json()
            return body["revision"], "looked-at" in {item["id"] for item in body["items"]}

        before = box(processes[0])[0]
        for own, other in (processes, processes[::-1]):
            assert box(other) == box(own) == (before, False)  # and so neither would look again for a while
            with workers.only(own):
                put = client.put("/v1/articles/looked-at", json=NEW)
            assert put.status_code == 201
            assert box(own) == (put.json()["revision"], True)
            time.sleep(staleness)
            assert box(other) == box(own) == (before + 1, True)
            with workers.only(own):
                assert client.delete("/v1/articles/looked-at").status_code == 204
            assert box(own) == (before + 2, False)
            time.sleep(staleness)
            assert box(other) == (before + 2, False)
            before += 2
        for path in ("/v1/related?url=https://a.example/%00", "/v1/articles/a%00b", "/v1/articles/a%00b/related"):
            assert client.get(path).status_code < 500
