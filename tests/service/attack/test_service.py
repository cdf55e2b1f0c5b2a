"""What strangers, bad disks and standing databases do to the service, tried on `recommend serve` with two workers."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from sqlalchemy import make_url

from disks import fill, moved, small_disk
from recommend.settings import Settings

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
NEW = {"title": "Leaders condemn drone attack", "text": "Central Asian leaders condemned the drone attack."}
EACH_CONNECTS_ANEW = httpx.Limits(max_keepalive_connections=0)


def _with(settings: Settings, **service: Any) -> Settings:
    return settings.model_copy(update={"service": settings.service.model_copy(update=service)})


def test_b4_monitors_and_drafts_wait_neither_for_the_writer_nor_for_the_lock_of_the_database(
    copied: Settings, serve_workers: Any, connect: Any, held: Callable[..., None]
) -> None:
    file = make_url(copied.store).database or ""
    with serve_workers(copied) as workers, connect(workers.address, key=True, limits=EACH_CONNECTS_ANEW) as client:
        started, answered = time.monotonic(), 0
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [threading.Thread(target=client.put, args=(f"/v1/articles/b4-{n}",), kwargs={"json": NEW})
                       for n in range(8)]  # fmt: skip
            for thread in waiting:
                thread.start()
            for worker in workers.processes:
                with workers.only(worker):
                    for path in ("/healthz", "/readyz", "/metrics", "/v1/status", BOX):
                        assert client.get(path).status_code == 200, path
                        assert other.in_transaction
                        answered += 1
                    ready = client.get("/readyz").json()
                    assert (ready["status"], ready["writable"]) == ("degraded", None)
                    assert "whether the store takes changes is not known within 0.2 s" in ready["problems"]
            other.execute("ROLLBACK")
        for thread in waiting:
            thread.join()
        assert client.put("/v1/articles/b4", json=NEW).status_code == 201
        held("B4", "another process holds the write lock, 8 PUTs wait", requests=answered,
             seconds=time.monotonic() - started, workers_lost=0)  # fmt: skip


@pytest.mark.parametrize(
    ("proxies", "forwarded"), [([], "203.0.113.{}"), (["127.0.0.1"], "198.51.100.{}, 203.0.113.9")]
)
def test_b6_a_forged_address_is_not_another_client(
    sample: Settings, serve_workers: Any, connect: Any, held: Callable[..., None], proxies: list[str], forwarded: str
) -> None:
    with serve_workers(_with(sample, rate_limit="3/hour", trusted_proxies=proxies)) as workers:
        with connect(workers.address, limits=EACH_CONNECTS_ANEW) as client:
            codes = [client.get(BOX, headers={"X-Forwarded-For": forwarded.format(n)}).status_code for n in range(20)]
            assert set(codes) == {200, 429}
            assert codes.count(200) <= 2 * 3
            if proxies:
                elsewhere = client.get(BOX, headers={"X-Forwarded-For": "203.0.113.77"})
                assert elsewhere.status_code == 200
        held("B6", f"forged X-Forwarded-For, trusted: {proxies}", requests=20, workers_lost=0)


def test_b7_answers_that_are_kept_have_a_ceiling_in_bytes(
    sample: Settings, serve_workers: Any, held: Callable[..., None], sized: Any, peak_mb: Any
) -> None:
    count = sized(700, 20_000)
    with serve_workers(_with(sample, cache_bytes=1_000_000)) as workers:
        options: dict[str, Any] = {"base_url": workers.address, "trust_env": False, "timeout": 60}
        with httpx.Client(**options) as client, ThreadPoolExecutor(2) as pool:
            client.get(BOX, params={"limit": 50})
            processes, started = workers.processes, time.monotonic()
            before = sum(map(peak_mb, processes))

            def ask(number: int) -> int:
                article = STORY if number % 2 else f"unknown-{number}-{'x' * 400}"
                asked: dict[str, int | str] = {"limit": 50, "exclude": f"{number}-{'y' * 400}"}
                return client.get(f"/v1/articles/{article}/related", params=asked).status_code

            assert set(pool.map(ask, range(count))) == {200}
            grown = sum(map(peak_mb, processes)) - before
        assert grown < sized(20, 40)  # without a ceiling each answer stays with some 30 KB
        assert workers.processes == processes
        held("B7", "different things asked for, 1 MB kept", requests=count, seconds=time.monotonic() - started,
             peak_mb=max(map(peak_mb, processes)), workers_lost=0)  # fmt: skip


def test_b10_a_database_that_stands_still_freezes_no_worker(
    on_postgresql: Settings, postgresql: Server, serve_workers: Any, connect: Any, held: Callable[..., None]
) -> None:
    by_url = "/v1/related?url=https://meridian-courier.example/never-asked"
    service = on_postgresql.service.model_copy(update={"timeout": 3.0})
    with (
        serve_workers(on_postgresql.model_copy(update={"service": service})) as workers,
        connect(workers.address, key=True, limits=EACH_CONNECTS_ANEW) as client,
    ):
        processes, answered = workers.processes, 0
        with _standing(postgresql):
            for worker in processes:
                with workers.only(worker):
                    asks = threading.Thread(target=client.get, args=(by_url,))
                    asks.start()
                    for path in ("/healthz", "/metrics", "/healthz", "/readyz", "/healthz"):
                        assert client.get(path).status_code in ({200, 503} if path == "/readyz" else {200})
                        answered += 1
                    late = client.get(BOX)
                    while late.status_code == 200:  # as of the last look, for a while
                        late = client.get(BOX)
                        answered += 1
                    assert (late.status_code, "database" in late.text or "cannot be read" in late.text) == (503, True)
                    refused = client.get(f"/v1/articles/{STORY}", headers={"Authorization": "Bearer stranger"})
                    assert refused.status_code == 503
                    assert client.get("/healthz").status_code == 200
                    asks.join()
        for worker in processes:
            with workers.only(worker):
                deadline = time.monotonic() + 60
                while client.get(BOX).status_code != 200:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                assert client.get(by_url).status_code == 200
                assert client.put("/v1/articles/b10", json=NEW).status_code in {200, 201}
        assert workers.processes == processes
        held("B10", "PostgreSQL stands still", requests=answered, workers_lost=0)


@contextmanager
def _standing(server: Server) -> Iterator[None]:
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    stopped = [postmaster]
    os.kill(postmaster, signal.SIGSTOP)
    for child in map(int, children.read_text().split()):
        os.kill(child, signal.SIGSTOP)
        stopped.append(child)
    try:
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


def test_b11_a_draft_without_a_name_has_nothing_of_any_stored_article(newsroom: Any, held: Callable[..., None]) -> None:
    writer, reader = newsroom.writer, newsroom.reader
    assert writer.article("PUT", "draft", json=NEW).status_code == 201
    pinned = next(item for item in reader.shown("unknown") if item not in reader.shown("draft", limit=5))
    assert writer.put("/v1/articles/draft/curation", json={"pinned": [{"id": pinned}]}).status_code == 200
    assert reader.shown("draft")[0] == pinned
    nameless = reader.post("/v1/related", json=NEW, params={"limit": 5}).json()
    assert (nameless["article_id"], nameless["items"][0]["reason"]["kind"] != "pinned") == (None, True)
    named = reader.post("/v1/related", json={**NEW, "id": "draft"}).json()
    assert (named["article_id"], named["items"][0]["id"]) == ("draft", pinned)
    assert writer.article("DELETE", "draft").status_code == 204
    held("B11", "an article of the id draft, with a pin", requests=7)


ENDINGS = ("related", "curation", "why", "story", "related.html")
IDS = [
    *(f"b12/{ending}" for ending in ENDINGS),
    *(f"b12/{ending}/{ending}" for ending in ENDINGS),
    *ENDINGS,
    *("b12%2Frelated", "%2F", "//", "/related", "b12/", "na\u00efve", "b12 ", "{id}", "a\\b/related", "b12:bulk", "0"),
]


def test_b12_every_id_can_be_put_read_asked_for_and_curated_whatever_it_ends_in(
    newsroom: Any, held: Callable[..., None]
) -> None:
    writer, reader = newsroom.writer, newsroom.reader
    for number, article_id in enumerate(IDS):
        path, title = f"/v1/articles/{quote(article_id, safe='')}", f"Number {number}: {NEW['title']}"
        assert writer.put(path, json={**NEW, "title": title}).json()["id"] == article_id
        assert writer.put(f"{path}/curation", json={"blocked": [{"id": STORY}]}).status_code == 200, article_id
    for number, article_id in enumerate(IDS):
        path = f"/v1/articles/{quote(article_id, safe='')}"
        assert reader.get(path).json()["title"].startswith(f"Number {number}: "), article_id
        for _ in range(2):  # made, and kept
            box = reader.get(f"{path}/related", params={"fallback": "none", "limit": 50}).json()
            assert box["article_id"] == article_id
            assert STORY not in {item["id"] for item in box["items"]}
        assert writer.get(f"{path}/curation").json()["id"] == article_id
    for article_id in IDS:
        path = f"/v1/articles/{quote(article_id, safe='')}"
        assert writer.delete(path).status_code == 204
        assert reader.get(path).status_code == 404, article_id
    held("B12", "ids that end as routes do", requests=7 * len(IDS))


def test_b12_an_id_is_the_same_however_its_letters_are_composed(newsroom: Any, held: Callable[..., None]) -> None:
    composed, decomposed = "b12-na\u00efve", "b12-nai\u0308ve"
    writer, reader = newsroom.writer, newsroom.reader
    assert writer.article("PUT", decomposed, json={**NEW, "id": decomposed}).json()["id"] == composed
    assert writer.article("PUT", composed, json={**NEW, "id": composed}).status_code == 200
    for one in (composed, decomposed):
        assert reader.article("GET", one).json()["id"] == composed
        assert reader.box(one, fallback="none").article_id == composed
        assert composed not in reader.shown(STORY, exclude=one, limit=50)
    assert writer.article("DELETE", decomposed).status_code == 204
    assert reader.article("GET", composed).status_code == 404
    held("B12", "one id in two Unicode forms", requests=9)


def test_p5_a_full_folder_for_temporary_files_ends_no_worker(
    sample: Settings, serve_workers: Any, connect: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    held: Callable[..., None],
) -> None:  # fmt: skip
    with small_disk(tmp_path / "temporary", "4m") as disk:
        monkeypatch.setenv("TMPDIR", str(disk))
        for full_before in (False, True):
            if full_before:
                fill(disk / "ballast")
            with serve_workers(sample) as workers, connect(workers.address, limits=EACH_CONNECTS_ANEW) as client:
                processes, asked = workers.processes, 0
                fill(disk / "more")
                for worker in processes:
                    with workers.only(worker):
                        for path in (BOX, f"{BOX}?fallback=none", "/", "/wp-login.php", "/v1/status", "/readyz"):
                            for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND"):
                                assert client.request(method, path).status_code < 500
                                asked += 1
                        assert client.get("/metrics").status_code == 200
                assert workers.processes == processes
                held("P5", f"TMPDIR full, before the start: {full_before}", requests=asked, workers_lost=0)
            for path in ("ballast", "more"):
                (disk / path).unlink(missing_ok=True)
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize("killed", [False, True])
def test_p7_started_on_a_read_only_disk_it_serves_readers_and_writers_as_soon_as_that_may_be_written_to(
    copied: Settings, serve_workers: Any, connect: Any, tmp_path: Path, held: Callable[..., None], killed: bool
) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        settings = moved(copied, disk)
        if killed:
            _write_and_die(settings)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with (
            serve_workers(settings) as workers,
            connect(workers.address, key=True, limits=EACH_CONNECTS_ANEW) as client,
        ):
            for worker in workers.processes:
                with workers.only(worker):
                    assert client.get(BOX).status_code == 200
                    assert client.get(f"/v1/articles/{STORY}").status_code == 200
                    assert client.put("/v1/articles/p7", json=NEW).status_code == 503
                    assert client.get("/readyz").json()["writable"] is False
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            for worker in workers.processes:
                with workers.only(worker):
                    deadline = time.monotonic() + 60
                    while client.put("/v1/articles/p7", json={**NEW, "text": str(worker)}).status_code == 503:
                        assert time.monotonic() < deadline
                        time.sleep(0.1)
                    assert "p7" in client.shown(STORY)
        held("P7", f"started read-only, made writable, log left: {killed}", requests=10, workers_lost=0)


def _write_and_die(settings: Settings) -> None:
    """Leaves the database with its log, as a killed service does."""
    code = (
        "import os, sys\nfrom recommend.store import Store\nstore = Store(sys.argv[1])\n"
        "store.health.check_writable()\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, settings.store], check=True)


def test_p12_lines_that_failed_for_want_of_space_are_not_rejected(
    copied: Settings, serve: Any, tmp_path: Path, held: Callable[..., None]
) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk, serve(moved(copied, disk)) as service:
        client = service.writer
        fill(disk / "ballast")
        # words as long as these are quickly embedded: it is room that they are to take
        lines = [{"id": f"p12-{n}", "title": f"Goal number {n}", "text": f"{'x' * 250} " * 16} for n in range(400)]
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        answers = [client.post("/v1/articles:bulk", content=body) for _ in range(3)]
        said = [orjson.loads(line)["status"] for one in answers if one.status_code == 200 for line in
                one.content.splitlines()]  # fmt: skip
        assert answers[-1].status_code == 503, answers[-1].text[:500]
        assert set(said) <= {"created", "unchanged", "failed"}
        (disk / "ballast").unlink()
        again = client.post("/v1/articles:bulk", content=body)
        assert {orjson.loads(line)["status"] for line in again.content.splitlines()} <= {"created", "unchanged"}
        held("P12", "bulk on a full disk", requests=4)
