"""What breaks around the service: it says so, serves what it safely can, and recovers without help."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import make_url

from disks import fill, moved, small_disk
from recommend.encoder import DEFAULT, Encoder
from recommend.encoder.quantise import MODEL
from recommend.jobs.reindex import reindex
from recommend.settings import Settings
from recommend.store import Store

if TYPE_CHECKING:
    from servers import Server

STORY, GONE = "a-central-asia-condemns-drone-attack", "a-lavrov-novgorod-drone-claim"
BOX = f"/v1/articles/{STORY}/related?limit=50"
NEW = {"title": "Leaders condemn drone attack", "text": "Central Asian leaders condemned the drone attack."}
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
"""For root, whom permissions do not stop otherwise."""


def _ready_within(client: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while (ready := client.get("/readyz")).status_code != 200 or ready.json()["problems"]:
        assert time.monotonic() < deadline, ready.text
        time.sleep(0.1)
    return ready.json()


def _shown_within(client: Any, seconds: float = 60) -> set[str]:
    """What the box shows as soon as it is told: a busy machine may not have asked the database within half a second."""
    deadline = time.monotonic() + seconds
    while (box := client.get(BOX)).status_code == 503:
        assert time.monotonic() < deadline, box.text
        time.sleep(0.1)
    return {item["id"] for item in box.json()["items"]}


def _check_that_only_writes_fail(client: Any, reason: str) -> None:
    changes: list[Callable[[], Any]] = [
        lambda: client.put("/v1/articles/new", json=NEW),
        lambda: client.delete(f"/v1/articles/{GONE}"),
        lambda: client.put(f"/v1/articles/{STORY}/curation", json={"blocked": [{"id": GONE}]}),
    ]
    for change in changes:
        refused = change()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5"), refused.text
        assert "not written" in refused.json()["detail"]
        assert reason in refused.json()["detail"]
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert reason in ready.json()["problems"][0]
    assert client.get("/v1/articles/new").status_code == 404
    shown = {item["id"] for item in client.get(BOX).json()["items"]}
    assert GONE in shown  # nothing was acknowledged
    assert "new" not in shown
    assert client.post("/v1/related", json=NEW).json()["items"]


def _check_that_writes_hold_again(client: Any) -> None:
    _ready_within(client)
    assert client.put("/v1/articles/new", json=NEW).status_code == 201
    gone = client.delete(f"/v1/articles/{GONE}")
    assert gone.status_code == 204, gone.text
    shown = {item["id"] for item in client.get(BOX).json()["items"]}
    assert (GONE in shown, "new" in shown) == (False, True)


def test_on_a_full_disk_readers_are_served_and_no_change_is_acknowledged_until_there_is_room(
    copied: Settings, serve: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk, serve(moved(copied, disk)) as service:
        client = service.writer
        assert client.get("/readyz").json()["status"] == "ready"
        fill(disk / "ballast")
        _fill_log(client)
        _check_that_only_writes_fail(client, "")
        (disk / "ballast").unlink()
        _check_that_writes_hold_again(client)


def _fill_log(client: Any) -> None:
    """Takes what room SQLite has left in the pages of its log."""
    for number in range(10_000):
        if client.put("/v1/articles/other", json={"title": f"Goal number {number}"}).status_code == 503:
            return
    pytest.fail("the disk is not full")


def test_where_files_may_not_grow_readers_are_served_and_no_change_is_acknowledged_until_they_may(
    copied: Settings, serve_workers: Any, connect: Any
) -> None:
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with serve_workers(copied) as workers, connect(workers.address, key=True, limits=each_connects_anew) as client:
        for worker in workers.processes:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        for worker in workers.processes:
            with workers.only(worker):
                _check_that_only_writes_fail(client, "")
        for worker in workers.processes:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for worker in workers.processes:
            with workers.only(worker):
                _ready_within(client)
        _check_that_writes_hold_again(client)


@contextmanager
def _read_only(file: Path) -> Iterator[None]:
    """SQLite gives log and index of the log the permissions of the file: they are made before it loses its own."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("SELECT count(*) FROM articles").fetchone()
        file.chmod(0o444)
        yield


def test_a_read_only_store_is_told_before_the_first_write_and_serves_readers_until_it_may_be_written_to(
    copied: Settings, serve_workers: Any, connect: Any
) -> None:
    under = WITHOUT_CAPABILITIES if os.geteuid() == 0 else ()
    if under and shutil.which(under[0]) is None:
        pytest.skip("root is not stopped by permissions, and setpriv is absent: apt-get install util-linux")
    file = Path(make_url(copied.store).database or "")
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with (
        _read_only(file),
        serve_workers(copied, under) as workers,
        connect(workers.address, key=True, limits=each_connects_anew) as client,
    ):
        for worker in workers.processes:
            with workers.only(worker):
                assert "readonly" in client.get("/readyz").json()["problems"][0]
                _check_that_only_writes_fail(client, "readonly")
        file.chmod(0o644)
        for worker in workers.processes:
            with workers.only(worker):
                _ready_within(client)
        _check_that_writes_hold_again(client)


def test_without_a_model_stored_articles_are_served_and_drafts_and_new_ones_as_soon_as_it_is_back(
    copied: Settings, serve: Any, tmp_path: Path
) -> None:
    models = shutil.copytree(copied.models, tmp_path / "models")
    model = models / DEFAULT / "weights" / MODEL
    model.rename(tmp_path / MODEL)
    with serve(copied.model_copy(update={"models": models})) as service:
        client = service.writer
        told = client.get("/readyz").json()
        assert told["status"] == "degraded"
        assert f"{MODEL} is missing" in told["problems"][0]
        for refused in (client.put("/v1/articles/new", json=NEW), client.post("/v1/related", json=NEW)):
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert "rebuild it" in refused.json()["detail"]
        assert client.get("/readyz").json()["status"] == "degraded"
        assert GONE in client.shown(STORY)
        assert client.delete(f"/v1/articles/{GONE}").status_code == 204
        assert GONE not in client.shown(STORY)
        shutil.copy(tmp_path / MODEL, model)
        _ready_within(client)
        assert client.put("/v1/articles/new", json=NEW).status_code == 201
        assert client.post("/v1/related", json=NEW).json()["items"]


@pytest.fixture
def own_postgresql(
    copied: Settings, encoder: Encoder, postgresql_of_its_own: Callable[..., AbstractContextManager[Server]]
) -> Iterator[tuple[Settings, Server]]:
    """A service's settings on a server that may be stopped."""
    with postgresql_of_its_own() as server:
        url = server.create()
        with closing(Store(copied.store)) as source, closing(Store(url)) as target:
            changes = source.changes.since(0, encoder.fingerprint)
            target.put([(c.article, c.embedding) for c in changes if c.article is not None], encoder.fingerprint)
            own = copied.model_copy(
                update={"store": url, "service": copied.service.model_copy(update={"staleness": 0.5})}
            )
            reindex(target, encoder, own, full=True)
        yield own, server


def test_without_its_database_the_service_answers_for_the_staleness_at_most_and_goes_on_when_it_is_back(
    own_postgresql: tuple[Settings, Server], serve_workers: Any, connect: Any
) -> None:
    settings, server = own_postgresql
    each_connects_anew = httpx.Limits(max_keepalive_connections=0)
    with serve_workers(settings) as workers, connect(workers.address, key=True, limits=each_connects_anew) as client:
        assert client.get(BOX).status_code == 200
        server.command("pg_ctl", "stop", "--mode=immediate")
        time.sleep(settings.service.staleness)
        killed = workers.processes[0]
        os.kill(killed, 9)
        while killed in workers.processes:
            time.sleep(0.1)
        workers.wait()  # one has started without a database
        for worker in workers.processes:
            with workers.only(worker):
                for refused in (
                    *(client.get(path) for path in ("/readyz", BOX, f"/v1/articles/{STORY}", "/v1/status")),
                    client.put("/v1/articles/new", json=NEW),
                    client.delete(f"/v1/articles/{GONE}"),
                ):
                    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5"), refused.text
                    assert "store" in refused.json()["detail"]
                assert client.get("/healthz").status_code == 200
                assert client.get("/metrics").status_code == 200
        server.start()
        for worker in workers.processes:
            with workers.only(worker):
                _ready_within(client)
        with closing(Store(settings.store)) as store:  # by another process: the workers have to ask
            store.delete(GONE)
        time.sleep(settings.service.staleness)
        for worker in workers.processes:
            with workers.only(worker):
                assert GONE not in _shown_within(client)
