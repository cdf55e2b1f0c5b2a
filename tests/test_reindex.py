from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from recommend.article import Article, Status, parse_article
from recommend.encoder import Encoder
from recommend.recommender import Recommender
from recommend.reindex import Plan, plan, reindex
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, current_name, locked, publish, verify
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom

Work = Callable[[int, int, float | None], tuple[int, list[str]]]

COMMAND = [sys.executable, "-W", "error", "-c"]


def recommend(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    program = [*COMMAND, "from recommend.cli import main; main()", "--store", settings.store, "--index"]
    command = [*program, str(settings.index), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=settings.models.parent, check=False)


def test_nothing_is_built_unless_something_changed_or_a_full_build_is_asked_for(newsroom: Newsroom) -> None:
    live = newsroom.live
    again = newsroom.reindex()
    assert (again.manifest, again.built, again.embedded) == (live, False, 0)
    full = newsroom.reindex(full=True)
    assert full.built
    assert newsroom.live.name == full.manifest.name != live.name
    assert full.manifest.sha256 == live.sha256


@pytest.mark.parametrize(
    ("change", "articles"), [("put", 61), ("delete", 59), ("draft", 59), ("kind", 60), ("encoder", 60)]
)
def test_any_change_that_matters_makes_a_new_snapshot(
    newsroom: Newsroom, other_toy_encoder: Encoder, stories: list[Article], change: str, articles: int
) -> None:
    match change:
        case "put":
            newsroom.take(parse_article({"id": "new", "title": "New"}))
        case "delete":
            newsroom.store.delete("story-00")
        case "draft":
            newsroom.take(stories[0].model_copy(update={"status": Status.DRAFT}))
        case "kind":
            newsroom = newsroom.indexing(kind="ivf-sq8")
        case "encoder":
            newsroom = replace(newsroom, encoder=other_toy_encoder)
    result = newsroom.reindex()
    assert (result.built, result.embedded) == (True, 60 if change == "encoder" else 0)
    manifest = verify(newsroom.layout, newsroom.live.name)
    assert (manifest.articles, manifest.revision) == (articles, newsroom.store.latest_revision())
    assert (manifest.encoder, manifest.kind) == (
        newsroom.encoder.fingerprint,
        "ivf-sq8" if change == "kind" else "flat",
    )
    raw = newsroom.layout.snapshot(manifest.name).articles.read_bytes()
    assert (b"story-00" in raw) == (articles >= 60)


def test_an_article_without_an_embedding_has_its_place_in_the_snapshot_of_its_revision(newsroom: Newsroom) -> None:
    newsroom.store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy")
    publish(newsroom.layout, newsroom.build().name)
    assert newsroom.live.articles == 61
    assert newsroom.recommender().answer("late", 5) is not None
    result = newsroom.reindex()
    assert (result.embedded, result.built) == (1, True)
    assert newsroom.live.articles == 61


@pytest.mark.parametrize("stage", ["embedding", "building", "publishing"])
def test_changes_during_the_job_are_served_after_it(newsroom: Newsroom, stage: str) -> None:
    def change(begun: str) -> None:
        stages.append(begun)
        if begun == stage:
            newsroom.take(parse_article({"id": "new", "title": "New"}))
            newsroom.store.delete("story-00")

    stages: list[str] = []
    reindex(newsroom.store, newsroom.encoder, newsroom.settings, full=True, on_stage=change)
    assert stages == ["embedding", "building", "comparing", "publishing"]
    recommender = newsroom.recommender()
    assert (recommender.answer("new", 5) is None, recommender.answer("story-00", 5) is None) == (False, True)
    assert newsroom.reindex().built == (stage == "publishing")


def test_a_plan_tells_cost_and_effect_and_writes_nothing(newsroom: Newsroom, other_toy_encoder: Encoder) -> None:
    live, folder = newsroom.live.name, newsroom.settings.index

    def planned(encoder: Encoder, **options: bool) -> Plan:
        before = sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))
        found = plan(newsroom.store, encoder, newsroom.settings, **options)
        assert before == sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))
        return found

    assert planned(newsroom.encoder) == Plan(60, "flat", 0, 0.0, live, 0, builds=False)
    assert planned(newsroom.encoder, full=True).builds
    newsroom.store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy")
    found = planned(newsroom.encoder)
    assert (found.articles, found.to_embed, found.changes, found.builds, found.seconds > 0) == (61, 1, 1, True, True)
    assert (planned(other_toy_encoder).to_embed, newsroom.store.counts("other toy")["unembedded"]) == (61, 61)


def test_a_torn_live_snapshot_is_built_anew(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    file = newsroom.layout.snapshot(newsroom.live.name).embeddings
    file.write_bytes(file.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        assert newsroom.reindex().built
    assert "embeddings.npy has SHA-256" in caplog.text
    verify(newsroom.layout, newsroom.live.name)


def test_a_job_in_another_process_is_refused_in_one_line(newsroom: Newsroom) -> None:
    with locked(newsroom.layout):
        done = recommend(newsroom.settings, "reindex")
    assert done.returncode == 1
    assert "another job is writing" in done.stderr
    assert "Traceback" not in done.stderr


NURSERY = """
import os, random, sys
from contextlib import suppress
from functools import partial
from pathlib import Path
import orjson
import sklearn.feature_extraction.text
from conftest import ToyEncoder
from recommend.article import parse_article
from recommend.backup import backup
from recommend.canary import compare
from recommend.errors import SnapshotError
from recommend.ingest import ingest, put
from recommend.reindex import reindex
from recommend.rollback import rollback
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

def work(store_url, index, log, seed, steps):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    say = lambda *words: os.write(file, orjson.dumps(words, option=orjson.OPT_APPEND_NEWLINE))
    chance, encoder, store = random.Random(int(seed)), ToyEncoder(), Store(store_url)
    settings = Settings(store=store_url, index=Path(index), indexing=IndexSettings(keep=2, verify_shrink=1))
    for step in range(int(steps)):
        kind = chance.choice(["put", "delete", "batch", "reindex", "rollback", "backup"])
        ids = [f"story-{n}" for n in chance.sample(range(200), {"batch": 100, "put": 1, "delete": 1}.get(kind, 0))]
        version = None if kind == "delete" else int(seed) * 100_000 + step
        rows = [{"id": i, "title": f"{version}", "text": f"{i} {step % 9} storm coast"} for i in ids]
        say("begin", ids, version)
        if kind == "put":
            put(store, encoder, parse_article(rows[0]))
        elif kind == "delete":
            store.delete(ids[0])
        elif kind == "batch":
            ingest(store, encoder, map(parse_article, rows), republish=True)
        elif kind == "backup":
            backup(store, Path(index).parent / "copy.db")
        elif kind == "rollback":
            with suppress(SnapshotError):  # there is none to go back to
                rollback(store, settings, lambda _: encoder)
        else:
            canary = partial(compare, store, settings, sample=5)
            reindex(store, encoder, settings, full=chance.random() < 0.7, force=True, canary=canary)
        say("done", ids, version)

print("ready", flush=True)
for line in sys.stdin:
    if pid := os.fork():
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    try:
        work(*line.split("|"))
        os._exit(0)
    finally:
        os._exit(1)
"""


@pytest.fixture
def work(settings: Settings, tmp_path: Path) -> Iterator[Work]:
    """Has a process change store and index, by ``seed``, for a number of steps, killed after so many seconds.

    Gives its exit code and what it said. It is forked from one that has done the imports: kills fall on the work.
    """
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*COMMAND, NURSERY], text=True, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        orders, replies, log = nursery.stdin, nursery.stdout, tmp_path / "log"
        assert replies.readline() == "ready\n"

        def run(seed: int, steps: int, patience: float | None) -> tuple[int, list[str]]:
            log.write_bytes(b"")
            orders.write(f"{settings.store}|{settings.index}|{log}|{seed}|{steps}\n")
            orders.flush()
            pid = int(replies.readline())
            if patience is not None:
                time.sleep(patience)
                os.kill(pid, signal.SIGKILL)
            return int(replies.readline()), log.read_text().splitlines()

        yield run
        orders.close()


class Ledger:
    """What readers must find of each article: the acknowledged version, or that of the change that was under way."""

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        self.settings, self.encoder = settings, encoder
        self.versions: dict[str, int | None] = {}

    @property
    def published(self) -> dict[str, int]:
        """The version of each article that is not taken down."""
        return {i: version for i, version in self.versions.items() if version is not None}

    def check(self, said: list[str]) -> None:
        """Holds store, snapshot and answers against what a process said before it ended."""
        pending: dict[str, int | None] = {}
        for word, ids, version in map(orjson.loads, said):
            self.versions.update(pending if word == "done" else {})
            pending = dict.fromkeys(ids, version) if word == "begin" else {}
        with closing(Store(self.settings.store)) as store:
            held = store.changes(0, "toy")
            found = {c.article_id: int(c.article.title) for c in held if c.article is not None}
            under_way = {i: found.get(i) for i in pending}
            assert under_way in (pending, {i: self.versions.get(i) for i in pending}), "a batch is there in part"
            self.versions.update(under_way)
            assert found == self.published
            assert all(c.embedding is not None for c in held if c.article is not None)
            assert store.latest_revision() == max((c.revision for c in held), default=0)
            layout = IndexLayout(self.settings.index)
            if (copy := layout.root.parent / "copy.db").exists():
                with closing(sqlite3.connect(copy)) as connection:
                    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                    revisions = "SELECT max(articles.revision), revision.value FROM articles, revision"
                    highest, latest = connection.execute(revisions).fetchone()
                    assert (highest or 0) == latest <= store.latest_revision()
            if (name := current_name(layout)) is not None:
                verify(layout, name)
                recommender = Recommender(store, self.settings, self.encoder)
                assert set(recommender.view().ids()) == found.keys()
                assert all(recommender.related(article_id, 5) for article_id in sorted(found)[:3])


def test_a_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_a_whole_snapshot_live(
    settings: Settings, toy_encoder: Encoder, work: Work
) -> None:
    chance, ledger, layout = random.Random(7), Ledger(settings, toy_encoder), IndexLayout(settings.index)
    for seed in range(int(os.environ.get("KILLS", "16"))):
        code, said = work(seed, 100_000, chance.uniform(0.0, chance.choice([0.05, 0.3, 1.0])))
        assert code == -signal.SIGKILL
        ledger.check(said)
    code, said = work(99, 40, None)
    assert (code, len(said)) == (0, 80)
    ledger.check(said)
    done = recommend(settings, "reindex", "--json")
    manifest = orjson.loads(done.stdout)
    assert (done.returncode, manifest["articles"]) == (0, len(ledger.published))
    assert current_name(layout) == verify(layout, manifest["name"]).name
    assert not [path for path in layout.snapshots.iterdir() if path.name.startswith(".")]
    assert sorted(path.name for path in layout.root.iterdir()) == [".lock", "CURRENT", "last_run.json", "snapshots"]
