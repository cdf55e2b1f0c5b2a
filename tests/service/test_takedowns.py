"""Whatever ends an article's time, no path leads to it any more: not now, not after a switch, a kill, a restore."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from recommend.encoder import Encoder
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.backup import backup, restore
from recommend.jobs.export.export import export
from recommend.jobs.reindex import reindex
from recommend.jobs.rollback import rollback
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

pytestmark = pytest.mark.databases("sqlite", "pgvector")

STORY = "a-central-asia-condemns-drone-attack"
NEW = {
    "title": "Kazakhstan's president repeats his condemnation of the drone attack on Putin's Novgorod residence",
    "published_at": "2026-01-02T08:00:00Z",
    "section": "World",
}
INDEXED = ["a-lavrov-novgorod-drone-claim", "a-us-intelligence-no-attempt-residence", "a-geneva-talks-28-point-plan"]
LATE = {
    "late-deleted": "Tashkent and Astana phone Moscow about drones seen over the Novgorod forests",
    "late-unpublished": "Analysts doubt satellite pictures of a drone attack near Putin's Valdai home",
    "late-expired": "Bishkek summons ambassador after condemnation of attack on Russian president's residence",
}
PATHS = [
    f"/v1/articles/{STORY}/related?limit=50",
    f"/v1/articles/{STORY}/related?limit=50&section=World",
    "/v1/articles/nowhere/related?limit=50",
    "/v1/articles/nowhere/related?limit=50&section=World",
    "/stories/a-zelensky-20-point-plan",
    "/",
]


def _asked(client: Any, gone: list[str]) -> set[str]:
    """Which of ``gone`` any path of the service still shows, asked by a reader, with and without a tag it holds."""
    found: set[str] = set()
    texts = [client.get(path) for path in PATHS]
    for answer in texts[:]:
        if tag := answer.headers.get("ETag"):
            again = client.get(str(answer.request.url), headers={"If-None-Match": tag})
            assert (again.status_code == 304) == (again.headers["ETag"] == tag)  # another after a switch
            if again.status_code != 304:
                texts.append(again)
    texts += [
        client.post("/v1/related?limit=50", json=NEW | {"text": NEW["title"]}),
        client.post("/v1/related?limit=50", json={"ids": ["a-zelensky-20-point-plan", STORY]}),
        client.post("/v1/related?limit=50", json={"ids": gone}),
    ]
    for answer in texts:
        assert answer.status_code == 200, answer.text
        found |= {i for i in gone if f'"{i}"' in answer.text or f"/stories/{i}" in answer.text}
    for article_id in gone:
        answers = [client.get(f"/v1/articles/{article_id}"), client.get(f"/stories/{article_id}")]
        if any(answer.status_code != 404 for answer in answers):
            found.add(article_id)
    return found


def test_no_path_leads_to_what_was_taken_down_through_a_switch_a_kill_a_rollback_and_a_restore(
    copied_as: Settings, encoder: Encoder, serve_workers: Any, connect: Any, tmp_path: Path
) -> None:
    copied, layout = copied_as, IndexLayout(copied_as.index)
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with (
        closing(Store(copied.store)) as store,
        serve_workers(copied) as workers,
        connect(workers.address, key=True, limits=each_connects_anew) as writer,
        connect(workers.address, limits=each_connects_anew) as reader,
    ):
        bodies = {i: NEW | {"title": title, "text": title} for i, title in LATE.items()}
        for article_id, body in bodies.items():
            assert writer.put(f"/v1/articles/{article_id}", json=body).status_code == 201
        victims = [*INDEXED, *LATE]
        bodies |= {i: writer.get(f"/v1/articles/{i}").json() for i in INDEXED}
        tags = {path: reader.get(path).headers.get("ETag") for path in PATHS}
        shown = reader.get(PATHS[0]).text
        assert [i for i in victims if f'"{i}"' not in shown] == []
        backup(store, tmp_path / "copy.db")
        earlier = reindex(store, encoder, copied).manifest.name
        bodies["later"] = NEW | {"text": "a story of its own, so that the next snapshot is another one"}
        assert writer.put("/v1/articles/later", json=bodies["later"]).status_code == 201

        def everywhere(gone: list[str]) -> dict[int, set[str]]:
            found = {}
            for worker in workers.processes:
                with workers.only(worker):
                    found[worker] = _asked(reader, gone)
            return found

        ends: dict[str, Callable[[str], Any]] = {
            "deleted": lambda i: writer.delete(f"/v1/articles/{i}"),
            "unpublished": lambda i: writer.put(f"/v1/articles/{i}", json=bodies[i] | {"status": "unpublished"}),
            "expired": lambda i: writer.put(f"/v1/articles/{i}", json=bodies[i] | {"expires_at": "2026-01-03"}),
        }
        how = dict(zip(victims, [*ends, *ends], strict=True))
        switching = threading.Thread(target=reindex, args=(store, encoder, copied), kwargs={"full": True})
        switching.start()
        for number, article_id in enumerate(victims):
            with workers.only(workers.processes[number % 2]):
                assert ends[how[article_id]](article_id).status_code in {200, 204}
            assert not any(article_id in found for found in everywhere([article_id]).values()), how[article_id]
        switching.join()
        assert not any(everywhere(victims).values())
        for path, tag in tags.items():
            if tag is not None and "nowhere" not in path:
                assert reader.get(path, headers={"If-None-Match": tag}).status_code == 200  # no cache keeps the old

        killed = workers.processes[0]
        os.kill(killed, signal.SIGKILL)
        while killed in workers.processes:
            time.sleep(0.05)
        workers.wait()
        assert not any(everywhere(victims).values())

        rollback(store, copied, lambda _: encoder, earlier)
        if copied.pgvector.url:
            reader.await_snapshot(earlier)  # whose statistics are read first
        assert reader.get("/readyz").json()["snapshot"] == earlier
        assert not any(everywhere(victims).values())

        restore(store, tmp_path / "copy.db", layout)
        reindex(store, encoder, copied)
        assert not any(everywhere(victims).values())

        out = tmp_path / "table.jsonl"
        export(Recommender(store, copied), out, 50)
        text = out.read_text()
        assert f'"{STORY}"' in text
        assert [i for i in victims if f'"{i}"' in text] == []
