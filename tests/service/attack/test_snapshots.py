"""Damaged snapshots and poisoned rows against two workers: readers notice nothing, operators are told."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.settings import Settings

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
FILES = [
    "neighbours.npy",
    "lexical/rows.indices.npy",
    "lexical/vocabulary.arrow",
    "articles.arrow",
    "vectors.faiss",
    "embeddings.npy",
    "lexical/postings.indptr.npy",
    "groups.npy",
    "manifest.json",
]


@pytest.fixture
def workers(copied: Settings, serve_workers: Any) -> Iterator[Any]:
    """A service of two workers."""
    with serve_workers(copied) as served:
        yield served


def told(workers: Any, client: Any, word: str) -> None:
    """Waits until each worker says what is wrong by itself."""
    for worker in workers.processes:
        deadline = time.monotonic() + 60
        with workers.only(worker):
            while True:
                ready = client.get("/readyz")
                assert ready.status_code == 200
                if any(word in problem for problem in ready.json()["problems"]):
                    break
                assert time.monotonic() < deadline, ready.json()
                time.sleep(0.02)
            assert ready.json()["status"] == "degraded"


def test_a_copy_that_was_damaged_on_its_way_is_not_served(
    copied: Settings, workers: Any, connect: Any, held: Callable[..., None], sized: Callable[[int, int], int]
) -> None:
    layout, chance, before = IndexLayout(copied.index), random.Random(5), set(workers.processes)
    good = current_name(layout) or ""
    with connect(workers.address, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        ids = [item.id for item in client.box(STORY, limit=50).items]
        for number, file in enumerate(FILES[: sized(3, len(FILES))]):
            name = f"damaged-{number}"
            parts = layout.snapshot(name)
            shutil.copytree(layout.snapshot(good).root, parts.root)
            manifest = orjson.loads(parts.manifest.read_bytes())
            parts.manifest.write_bytes(orjson.dumps({**manifest, "name": name}))
            content = bytearray((parts.root / file).read_bytes())
            for place in chance.sample(range(len(content)), max(1, len(content) // 200)):
                content[place] ^= 0xFF
            (parts.root / file).write_bytes(content)
            started = time.monotonic()
            fresh = layout.root / "CURRENT.new"
            fresh.write_text(f"{name}\n")
            fresh.replace(layout.current)
            for place in range(60):
                answer = client.get(f"/v1/articles/{ids[place % len(ids)]}/related", params={"limit": 1 + place % 50})
                assert answer.status_code == 200
                assert answer.json()["snapshot"] == good
            told(workers, client, name)
            seconds = time.monotonic() - started
            lost = len(before - set(workers.processes))
            assert lost == 0
            held("B3", f"half a per cent of {file} changed", requests=60, seconds=seconds, workers_lost=lost)


LONG = "a million dots"
"""Accepted as any text is: it is long to prepare, and has no more time than its length tells."""
POISON: dict[str, tuple[str, str | bytes]] = {
    LONG: ("text", "x" + "." * 999_999),
    "ten megabytes": ("text", "x. " * 3_400_000),
    "100,000 tags": ("tags", orjson.dumps([f"tag {number}" for number in range(100_000)]).decode()),
    "tags that are no JSON": ("tags", '["a'),
    "bytes for a title": ("title", b"\xff\xfe"),
    "a date that is none": ("published_at", "yesterday"),
    "an embedding of half a value": ("vector", b"\0"),
}


def poisoned(store: str, name: str) -> None:
    """Puts a row into the store as a hand or another program would."""
    column, value = POISON[name]
    with closing(sqlite3.connect(Path(store.removeprefix("sqlite:///")))) as connection, connection:
        connection.execute("UPDATE revision SET value = value + 1")
        row: dict[str, object] = {
            "title": "Poison", "text": "", "tags": "[]", "authors": "[]", "extra": "{}", "status": "published",
            "content_hash": name.encode(), "text_hash": name.encode(), "id": f"poison-{name}", "published_at": None,
        }  # fmt: skip
        if column in row:
            row[column] = value
        columns = ", ".join(row)
        connection.execute(
            f"INSERT INTO articles (revision, {columns}) SELECT value, {', '.join('?' * len(row))} FROM revision",
            list(row.values()),
        )
        if column == "vector" or name == LONG:
            copied = "SELECT ?, fingerprint, ?, coalesce(?, vector) FROM embeddings LIMIT 1"
            values = (row["id"], row["text_hash"], value if column == "vector" else None)
            connection.execute(f"INSERT INTO embeddings (article_id, fingerprint, text_hash, vector) {copied}", values)


def test_a_poisoned_row_in_the_store_costs_no_worker_and_no_answer(
    copied: Settings, workers: Any, connect: Any, held: Callable[..., None]
) -> None:
    before = set(workers.processes)
    with connect(workers.address, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        for number, name in enumerate(sorted(POISON)):
            started = time.monotonic()
            poisoned(copied.store, name)
            for place in range(20):
                assert client.get(BOX, params={"limit": 1 + place + number}).status_code == 200
            own = f"/v1/articles/poison-{name}/related?fallback=none"
            if name == LONG:
                assert client.get(own).status_code == 200
                assert f"poison-{name}" not in client.get("/v1/status").json()["set_aside"]
            else:
                told(workers, client, "articles are set aside")
                assert f"poison-{name}" in client.get("/v1/status").json()["set_aside"]
                assert client.get(own).status_code == 404
            assert client.article("GET", f"poison-{name}").status_code in {200, 404}
            lost = len(before - set(workers.processes))
            assert lost == 0
            seconds = time.monotonic() - started
            held("B1", f"stored by hand: {name}", requests=20, seconds=seconds, workers_lost=lost)
    for name in POISON.keys() - {LONG}:
        assert f"poison-{name}' is set aside" in workers.log.read_text()
