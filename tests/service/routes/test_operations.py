from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import make_url

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import ingest
from recommend.jobs.backup import backup, restore
from recommend.jobs.reindex import reindex
from recommend.jobs.rollback import rollback
from recommend.jobs.status import Status
from recommend.settings import Settings
from recommend.store import Store

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"


def test_a_service_before_the_first_snapshot_says_so_and_becomes_ready_by_itself(
    sample: Settings, settings: Settings, store: Store, encoder: Encoder, corpus: list[Article], serve: Any
) -> None:
    settings = settings.model_copy(update={"service": sample.service})
    with serve(settings) as service:
        client = service.writer
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/v1/status").json()["snapshot"] is None
        assert client.get("/v1/articles/x").status_code == 404
        assert client.delete("/v1/articles/x").status_code == 204
        for answer in (
            *(client.get(path) for path in ("/readyz", BOX, "/v1/related?url=x", "/", "/stories/x")),
            client.post("/v1/related", json={"title": "x"}),
            client.put("/v1/articles/x", json={"title": "x"}),
        ):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "run recommend reindex" in answer.json()["detail"]
        ingest(store, encoder, [article for article in corpus if article.section == "World"])
        reindex(store, encoder, settings)
        deadline = time.monotonic() + 20
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(client.box(STORY).items) == 5
        assert client.get("/").status_code == 200


def test_a_new_snapshot_is_served_once_it_is_published(copied: Settings, encoder: Encoder, serve: Any) -> None:
    with closing(Store(copied.store)) as store, serve(copied) as service:
        client = service.reader
        old = client.get("/readyz").json()
        store.delete("a-lavrov-novgorod-drone-claim")
        behind = client.get("/v1/status").json()
        assert (behind["snapshot"], behind["revision_lag"]) == (old["snapshot"], 1)
        manifest = reindex(store, encoder, copied).manifest
        client.await_snapshot(manifest.name)
        after = client.box(STORY)
        assert after.snapshot == manifest.name != old["snapshot"]
        assert len(after.items) == 5
        assert "a-lavrov-novgorod-drone-claim" not in client.shown(STORY)
        ready = {"status": "ready", "snapshot": manifest.name, "revision": old["revision"] + 1}
        assert client.get("/readyz").json() == {**ready, "writable": True, "problems": []}
        assert client.get("/v1/status").json()["revision_lag"] == 0


def test_a_rollback_and_a_restore_bring_nothing_back_over_http(
    copied: Settings, encoder: Encoder, serve: Any, tmp_path: Path
) -> None:
    gone = "a-lavrov-novgorod-drone-claim"
    layout = IndexLayout(copied.index)
    with closing(Store(copied.store)) as store, serve(copied) as service:
        old = service.reader.get("/readyz").json()["snapshot"]
        assert gone in service.reader.shown(STORY)
        backup(store, tmp_path / "copy.db")
        assert service.writer.article("DELETE", gone).status_code == 204
        assert service.writer.article("PUT", "late", json={"title": "Leaders condemn drone attack"}).status_code == 201
        reindex(store, encoder, copied)
        rollback(store, copied, lambda _: encoder)
        assert service.reader.get("/readyz").json()["snapshot"] == old
        assert gone not in service.reader.shown(STORY)
        assert service.reader.box("late").items
        restore(store, tmp_path / "copy.db", layout)
        assert gone not in service.reader.shown(STORY)
        assert service.reader.article("GET", gone).status_code == 404
        assert service.reader.get("/v1/articles/late/related?fallback=none").status_code == 404
        reindex(store, encoder, copied)
        status = service.reader.get("/v1/status").json()
        assert (status["last_run"]["outcome"], status["revision_lag"]) == ("done", 0)
        assert gone not in service.reader.shown(STORY)


def test_a_torn_snapshot_is_told_while_the_old_one_serves_on(copied: Settings, encoder: Encoder, serve: Any) -> None:
    layout = IndexLayout(copied.index)
    with closing(Store(copied.store)) as store, serve(copied) as service:
        client = service.reader
        old = client.get("/readyz").json()["snapshot"]
        shutil.copytree(layout.snapshot(old).root, layout.snapshot("torn").root)
        manifest = layout.snapshot("torn").manifest
        manifest.write_bytes(manifest.read_bytes().replace(old.encode(), b"torn"))
        layout.snapshot("torn").articles.write_bytes(b"ARROW1 no more")
        layout.current.write_text("torn\n")
        assert client.box(STORY).snapshot == old
        deadline = time.monotonic() + 20
        while (ready := client.get("/readyz")).json()["status"] == "ready":  # until the thread that verifies is done
            assert time.monotonic() < deadline
            time.sleep(0.02)
        box = client.box(STORY)
        assert (ready.status_code, ready.json()["snapshot"], box.snapshot) == (200, old, old)
        assert ready.json()["status"] == "degraded"
        assert "still serving" in ready.json()["problems"][0]
        problem = client.get("/v1/status").json()["error"]
        assert problem.startswith(f"still serving snapshot {old}: ")
        assert "articles.arrow has SHA-256" in problem
        assert "recommend_problem 1.0" in client.get("/metrics").text
        store.delete("a-lavrov-novgorod-drone-claim")
        name = reindex(store, encoder, copied).manifest.name
        client.await_snapshot(name)
        assert client.box(STORY).snapshot == name
        assert client.get("/v1/status").json()["error"] is None
        assert client.get("/readyz").json()["status"] == "ready"
        assert "recommend_problem 0.0" in client.get("/metrics").text


def test_a_store_that_cannot_be_read_is_no_longer_served_from_until_it_can(copied: Settings, serve: Any) -> None:
    with serve(copied) as service, closing(sqlite3.connect(make_url(copied.store).database or "")) as store:
        client = service.reader
        assert [client.get(path).status_code for path in (BOX, BOX, "/readyz")] == [200, 200, 200]
        store.execute("ALTER TABLE revision RENAME TO lost")
        for path in ("/readyz", BOX, "/v1/status"):
            refused = client.get(path)
            assert refused.status_code == 503
            assert refused.json()["detail"].startswith("store: cannot be read: no such table")
        assert client.get("/healthz").status_code == 200
        assert "recommend_problem 1.0" in client.get("/metrics").text
        store.execute("ALTER TABLE lost RENAME TO revision")
        assert [client.get(path).status_code for path in ("/readyz", BOX, "/v1/status")] == [200, 200, 200]


def test_the_status_tells_how_the_index_stands(reader: Any) -> None:
    status = TypeAdapter(Status).validate_json(reader.get("/v1/status").content)
    assert (status.snapshot_articles, status.revision, status.revision_lag, status.error) == (144, 146, 0, None)
    assert status.articles == {"published": 144, "draft": 1, "unpublished": 1, "taken_down": 0, "unembedded": 0}
    assert status.encoder_matches is True
    assert status.snapshot_age is not None
    assert 0 <= status.snapshot_age < 3600


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/status"])
def test_what_monitors_read_is_never_cached(reader: Any, path: str) -> None:
    answer = reader.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", [BOX, "/v1/related", "/healthz", "/readyz", "/v1/status"])
def test_a_method_that_is_not_offered_is_refused_with_what_is(reader: Any, method: str, path: str) -> None:
    refused = reader.request(method, path)
    stored = "DELETE, GET, HEAD, PUT"  # its path may be an article's id, too
    allowed = {BOX: stored, "/v1/related": "GET, HEAD, POST"}.get(path, "GET, HEAD")
    assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)
    assert refused.content
