from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommend.article import Article, Status, parse_article
from recommend.encoder import Encoder
from recommend.ingest import ingest, put
from recommend.live import LiveView
from recommend.recommender import Recommender
from recommend.reindex import reindex
from recommend.settings import IndexSettings, Settings
from recommend.snapshot import IndexLayout, build_snapshot, current_name, locked, publish, verify
from recommend.store import Store

COMMAND = [sys.executable, "-W", "error", "-c"]
RECOMMEND = "from recommend.cli import main; main()"


def test_nothing_is_built_when_nothing_changed(
    layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder
) -> None:
    name = current_name(layout)
    again = reindex(store, toy_encoder, settings)
    assert (again.manifest.name, again.built, again.embedded) == (name, False, 0)
    full = reindex(store, toy_encoder, settings, full=True)
    assert full.built
    assert full.manifest.sha256 == again.manifest.sha256
    assert current_name(layout) == full.manifest.name != name


@pytest.mark.parametrize("change", ["put", "delete", "kind", "encoder"])
def test_any_change_that_matters_makes_a_new_snapshot(
    layout: IndexLayout,
    store: Store,
    settings: Settings,
    toy_encoder: Encoder,
    other_toy_encoder: Encoder,
    change: str,
) -> None:
    encoder = other_toy_encoder if change == "encoder" else toy_encoder
    if change == "kind":
        settings = settings.model_copy(update={"indexing": IndexSettings(kind="ivf-sq8")})
    elif change == "delete":
        store.delete("story-00")
    elif change == "put":
        put(store, toy_encoder, parse_article({"id": "new", "title": "New"}))
    result = reindex(store, encoder, settings)
    assert result.built
    assert result.embedded == (60 if change == "encoder" else 0)
    assert result.manifest.articles == {"put": 61, "delete": 59}.get(change, 60)
    assert (result.manifest.encoder, result.manifest.revision) == (encoder.fingerprint, store.latest_revision())
    assert verify(layout, result.manifest.name).kind == ("ivf-sq8" if change == "kind" else "flat")


def test_what_lacks_an_embedding_is_embedded_first(
    store: Store, settings: Settings, toy_encoder: Encoder, stories: list[Article]
) -> None:
    store.put([(story, None) for story in stories], "toy")
    embedded: list[int] = []
    stages: list[str] = []
    result = reindex(store, toy_encoder, settings, on_embedded=embedded.append, on_stage=stages.append)
    assert (result.embedded, result.manifest.articles, embedded) == (60, 60, [60])
    assert stages == ["embedding", "building", "publishing"]


def test_an_embedding_that_came_after_the_snapshot_of_its_revision_is_not_forgotten(
    layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder
) -> None:
    store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy")
    publish(layout, build_snapshot(store, layout, toy_encoder, settings.indexing, 200).name)
    assert LiveView(store, layout).refresh().locate("late") is None
    result = reindex(store, toy_encoder, settings)
    assert (result.embedded, result.built) == (1, True)
    assert LiveView(store, layout).refresh().locate("late") is not None


@pytest.mark.parametrize("stage", ["embedding", "building", "publishing"])
def test_changes_during_the_job_are_served_after_it(
    layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder, stage: str
) -> None:
    def change(begun: str) -> None:
        if begun == stage:
            put(store, toy_encoder, parse_article({"id": "new", "title": "New"}))
            store.delete("story-00")

    reindex(store, toy_encoder, settings, full=True, on_stage=change)
    view = LiveView(store, layout).refresh()
    assert view.locate("new") is not None
    assert view.locate("story-00") is None
    assert reindex(store, toy_encoder, settings).built == (stage == "publishing")


def test_drafts_and_takedowns_are_not_in_the_snapshot(
    layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder, stories: list[Article]
) -> None:
    store.delete("story-00")
    for number, status in ((1, Status.DRAFT), (2, Status.UNPUBLISHED)):
        put(store, toy_encoder, stories[number].model_copy(update={"status": status}))
    manifest = reindex(store, toy_encoder, settings).manifest
    assert manifest.articles == 57
    raw = layout.snapshot(manifest.name).articles.read_bytes()
    assert [n for n in range(4) if f"story-{n:02}".encode() in raw] == [3]


def test_a_job_in_another_process_is_refused_and_says_so(layout: IndexLayout, settings: Settings) -> None:
    command = [*COMMAND, RECOMMEND, "--store", settings.store, "--index", str(settings.index), "reindex"]
    with locked(layout):
        done = subprocess.run(command, capture_output=True, text=True, cwd=settings.models.parent, check=False)
    assert done.returncode == 1
    assert "another job is writing" in done.stderr
    assert "Traceback" not in done.stderr


NURSERY = """
import os, random, sys
from pathlib import Path
import orjson
import sklearn.feature_extraction.text
from conftest import ToyEncoder
from recommend.article import parse_article
from recommend.ingest import ingest, put
from recommend.reindex import reindex
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

def work(store_url, index, log, seed, steps):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    chance, encoder, store = random.Random(int(seed)), ToyEncoder(), Store(store_url)
    settings = Settings(store=store_url, index=Path(index), indexing=IndexSettings(keep=2))
    for step in range(int(steps)):
        kind = chance.choice(["put", "delete", "batch", "reindex"])
        ids = [f"story-{n}" for n in chance.sample(range(200), {"batch": 100, "reindex": 0}.get(kind, 1))]
        version = None if kind == "delete" else int(seed) * 100_000 + step
        rows = [{"id": i, "title": f"{version}", "text": f"{i} {step % 9} storm coast"} for i in ids]
        os.write(file, orjson.dumps(["begin", ids, version]) + b"\\n")
        if kind == "put":
            put(store, encoder, parse_article(rows[0]))
        elif kind == "delete":
            store.delete(ids[0])
        elif kind == "batch":
            ingest(store, encoder, map(parse_article, rows), republish=True)
        else:
            reindex(store, encoder, settings, full=chance.random() < 0.7)
        os.write(file, orjson.dumps(["done", ids, version]) + b"\\n")

print("ready", flush=True)
for line in sys.stdin:
    if pid := os.fork():
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    try:
        work(*line.split("\\t"))
        os._exit(0)
    finally:
        os._exit(1)
"""


class Ledger:
    """What readers may find of each article: the acknowledged version, or that of the change that was under way."""

    def __init__(self) -> None:
        self.versions: dict[str, int | None] = {}

    def check(self, lines: list[str], store: Store) -> None:
        """Holds the store against what a killed worker said; a last line may be cut."""
        pending: tuple[list[str], int | None] = [], None
        for line in lines:
            word, ids, version = orjson.loads(line)
            if word == "begin":
                pending = ids, version
            else:
                self.versions.update(dict.fromkeys(pending[0], pending[1]))
                pending = [], None
        held = {c.article_id: c for c in store.changes(0, "toy")}
        found = {i: int(c.article.title) for i, c in held.items() if c.article is not None}
        under_way = {i: found.get(i) for i in pending[0]}
        old = {i: self.versions.get(i) for i in pending[0]}
        assert under_way in (old, dict.fromkeys(pending[0], pending[1])), "a batch is in the store in part"
        self.versions.update(under_way)
        assert found == {i: version for i, version in self.versions.items() if version is not None}
        assert all(c.embedding is not None for c in held.values() if c.article is not None), "a row lacks its embedding"
        assert store.latest_revision() == max((c.revision for c in held.values()), default=0)


@pytest.fixture
def work(settings: Settings, tmp_path: Path) -> Iterator[Callable[[int, int, float | None], tuple[int, list[str]]]]:
    """Has a process change store and index by ``seed`` for a number of steps, killed after so many seconds.

    Gives its exit code and what it said. The process is forked from one that has done the imports, so that the kills
    fall on the work.
    """
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, NURSERY], text=True, env=environment, **pipes) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        orders, replies, log = nursery.stdin, nursery.stdout, tmp_path / "log"
        assert replies.readline() == "ready\n"

        def run(seed: int, steps: int, patience: float | None) -> tuple[int, list[str]]:
            log.unlink(missing_ok=True)
            orders.write("\t".join(map(str, (settings.store, settings.index, log, seed, steps))) + "\n")
            orders.flush()
            pid = int(replies.readline())
            if patience is not None:
                time.sleep(patience)
                os.kill(pid, signal.SIGKILL)
            code = int(replies.readline())
            return code, log.read_text().splitlines() if log.exists() else []

        yield run
        orders.close()


def test_a_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_a_whole_snapshot_live(
    settings: Settings, toy_encoder: Encoder, work: Callable[[int, int, float | None], tuple[int, list[str]]]
) -> None:
    chance, ledger, layout = random.Random(7), Ledger(), IndexLayout(settings.index)

    def check(said: list[str]) -> None:
        with closing(Store(settings.store)) as store:
            ledger.check(said, store)
            name = current_name(layout)
            if name is None:
                return
            verify(layout, name)
            recommender = Recommender(store, settings, toy_encoder)
            ids = set(recommender.view().ids())
            assert ids == {i for i, version in ledger.versions.items() if version is not None}
            for article_id in sorted(ids)[:3]:
                assert recommender.related(article_id, 5)

    for seed in range(int(os.environ.get("KILLS", "16"))):
        code, said = work(seed, 100_000, chance.uniform(0.0, chance.choice([0.05, 0.3, 1.0])))
        assert code == -signal.SIGKILL
        check(said)
    code, said = work(99, 40, None)
    assert (code, len(said)) == (0, 80)
    check(said)
    arguments: list[Any] = ["--store", settings.store, "--index", settings.index, "reindex", "--json"]
    done = subprocess.run(
        [*COMMAND, RECOMMEND, *arguments], capture_output=True, cwd=settings.models.parent, check=True
    )
    manifest = orjson.loads(done.stdout)
    assert manifest["articles"] == sum(version is not None for version in ledger.versions.values())
    assert current_name(layout) == verify(layout, manifest["name"]).name
    assert [p.name for p in layout.snapshots.iterdir() if p.name.startswith(".")] == []
    assert sorted(os.listdir(layout.root)) == [".lock", "CURRENT", "snapshots"]
