"""Whatever is killed, at whatever moment: nothing acknowledged is lost, nothing taken down comes back, all goes on.

``KILLS=1000`` is the full form: as many kills at random moments, and each file operation goes wrong, not every third.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommend.encoder import Encoder
from recommend.index.opening import open_servers
from recommend.index.pgvector.generations import generation, generations, live_name
from recommend.index.pgvector.server import CATALOG
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import verify
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, Settings
from recommend.store import Store

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KILLS", "12"))
JOBS = ("ingest", "reindex", "publish", "rollback", "backup", "restore")
CHANGES = (("put",), ("bulk",), ("delete",), ("delete",), ("add", "drop"))
SERVED = 20 if KILLS >= 1000 else 12
"""After each which kill the service is started."""
STRIDE = 1 if KILLS >= 1000 else 3
"""Each which file operation of a job goes wrong."""

State = dict[str, int | None]  # the version of each article that is known, None for those taken down


@dataclass
class Victim:
    """Gives work to a process, and kills it."""

    settings: Settings
    process: subprocess.Popen[str]
    log: Path
    slowest: dict[str, float] = field(default_factory=dict)

    def work(self, seed: int, *jobs: str, **order: Any) -> tuple[int, list[Any]]:
        """Its exit code, and what it said of its jobs."""
        self._order(seed, jobs, order)
        self._read()
        return self._end()

    def kill(self, seed: int, *jobs: str, share: float) -> list[Any]:
        """Kills it at a share of the longest that the last job was seen to take; what it said of its jobs."""
        self._order(seed, jobs, {"endless": True})
        pid = int(self._read())
        time.sleep(share * self.slowest.get(jobs[-1], 0.2))
        os.kill(pid, signal.SIGKILL)
        code, said = self._end()
        assert code == -signal.SIGKILL
        return said

    def _order(self, seed: int, jobs: tuple[str, ...], order: Mapping[str, Any]) -> None:
        self.log.write_bytes(b"")
        where: dict[str, object] = {"store": self.settings.store, "index": str(self.settings.index)}
        where |= {"log": str(self.log), "pgvector": self.settings.pgvector.model_dump(include={"url", "shards"})}
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps({**where, "seed": seed, "jobs": jobs, **order}).decode() + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def _end(self) -> tuple[int, list[Any]]:
        code = int(self._read().removeprefix("code "))
        said = [orjson.loads(line) for line in self.log.read_bytes().splitlines()]
        for begin, done in zip(said[::2], said[1::2], strict=False):
            self.slowest[done[1]] = min(1.0, max(self.slowest.get(done[1], 0.0), done[-1] - begin[-1]))
        return code, said


@pytest.fixture(scope="session")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process that is forked to be killed."""
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "victim.py")]
    with subprocess.Popen(
        command, text=True, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        yield started
        started.stdin.close()


@pytest.fixture
def settings(tmp_path: Path, dialect: str, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A store of files, and an index of the kind that the marker ``databases`` names."""
    found = Settings(store=f"sqlite:///{tmp_path / 'recommend.db'}", index=tmp_path / "index", models=ROOT / "models")
    if dialect == "sqlite":
        yield found
    elif dialect == "shards":
        yield found.model_copy(update={"pgvector": request.getfixturevalue("on_shards")})
    else:
        with request.getfixturevalue(dialect).database("template0") as url:
            yield found.model_copy(update={"pgvector": PgvectorSettings(url=url)})


@pytest.fixture
def victim(settings: Settings, process: subprocess.Popen[str], tmp_path: Path) -> Victim:
    """Works on the test's own store and index."""
    return Victim(settings, process, tmp_path / "log")


@dataclass
class Ledger:
    """What readers must find of each article: the acknowledged version, or that of the change that was under way."""

    settings: Settings
    encoder: Encoder
    state: State = field(default_factory=dict)
    saved: State = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # takedowns since the backup, acknowledged or not
    revision: int = 0

    def _after(self, kind: str, ids: list[str], version: int) -> State:
        state = dict(self.state)
        if kind in {"delete", "drop"}:
            state.update({i: None for i in ids if i in state})
            self.asked.update(ids)
        elif kind == "restore":
            gone = {i for i, held in state.items() if held is None}
            state = {**self.saved, **dict.fromkeys(gone)}
        else:
            state.update({i: version for i in ids if kind != "ingest" or state.get(i, version) is not None})
        return state

    def _is(self, found: State, state: State, restored: bool) -> bool:
        """Whether it is what was found. A takedown before a restore may be carried out although it was not
        acknowledged, or although the article was published again."""
        unsure = self.asked if restored else set()
        return all(
            found.get(i, -1) == state.get(i, -1) or (i in unsure and found.get(i, -1) is None)
            for i in found.keys() | state.keys()
        )

    def check(self, said: list[Any]) -> str:
        """Holds store, backup, snapshot and answers against what a process said; returns what it was at."""
        after, at, restored = self.state, "between jobs", False
        for word, kind, ids, version, _ in said:
            if word == "begin":
                at, after = kind, self._after(kind, ids, version)
                continue
            at, self.state = "between jobs", after
            if kind == "backup":
                self.saved, self.asked = dict(self.state), set()
            restored = restored or kind == "restore"
        with closing(Store(self.settings.store)) as store:
            changes = store.changes.since(0, "toy")
            found = {c.article_id: None if c.article is None else int(c.article.title) for c in changes}
            before_or_after = self._is(found, self.state, restored) or self._is(
                found, after, restored or at == "restore"
            )
            assert before_or_after, f"killed at {at}, the store is neither as before nor as after"
            assert all(c.embedding is not None for c in changes if c.article is not None)
            assert max((c.revision for c in changes), default=0) <= store.latest_revision() >= self.revision
            self.revision = store.latest_revision()
            self._check_files(at)
            self.state = found
            self._check_answers(store)
        return at

    def _check_files(self, at: str) -> None:
        folder = self.settings.index.parent
        for name in ("recommend.db", "copy.db"):
            with closing(sqlite3.connect(folder / name)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                held = connection.execute("SELECT id, title, deleted_at FROM articles").fetchall()
        copied = {i: None if deleted else int(title) for i, title, deleted in held}
        if at == "backup" and copied != self.saved:
            assert copied == self.state, "the backup is neither the old one nor the new one"
            self.saved = copied
        assert copied == self.saved

    def _check_answers(self, store: Store) -> None:
        layout, alive = IndexLayout(self.settings.index), {i for i, held in self.state.items() if held is not None}
        manifest = self._live(layout)
        if store.is_rolled_back(manifest.revision):  # after a restore, until the next job
            reindex(store, self.encoder, self.settings, full=True, force=True)
        recommender = Recommender(store, self.settings, self.encoder)
        assert set(recommender.view().ids()) == alive
        for article_id in sorted(alive)[:3]:
            shown = recommender.related(article_id, 5)
            assert shown
            assert {one.id for one in shown} <= alive

    def _live(self, layout: IndexLayout) -> Manifest:
        """The manifest of what is live, which is whole."""
        if servers := open_servers(self.settings):
            return generation(servers, live_name(servers) or "").manifest
        name = current_name(layout)
        assert name is not None
        return verify(layout, name)


@pytest.fixture
def ledger(settings: Settings, toy_encoder: Encoder, victim: Victim) -> Ledger:
    """Of a newsroom that has done each kind of job once."""
    found = Ledger(settings, toy_encoder)
    code, said = victim.work(0, "bulk", "put", "delete", "reindex", "backup", *JOBS)
    assert (code, len(said)) == (0, 22)
    assert found.check(said) == "between jobs"
    return found


@pytest.mark.databases("sqlite", "pgvector", "shards")
def test_a_kill_at_any_moment_loses_nothing_brings_nothing_back_and_the_service_starts(
    settings: Settings, victim: Victim, ledger: Ledger, serve: Callable[[Settings], Any]
) -> None:
    chance, killed, layout = random.Random(7), Counter[str](), IndexLayout(settings.index)
    served = 0
    jobs, kills = (JOBS, KILLS) if not settings.pgvector.url else ((*JOBS, "step"), KILLS // 2)
    kills = kills // 2 if settings.pgvector.shards else kills
    for number in range(1, kills + 1):
        changes, job = chance.choice(CHANGES), jobs[number % len(jobs)]
        killed[ledger.check(victim.kill(number, *changes, job, share=chance.uniform(0.0, 1.1)))] += 1
        if number % SERVED == 0 or number == kills:
            with serve(settings) as service:
                alive = [i for i, held in ledger.state.items() if held is not None]
                gone = ledger.state.keys() - alive
                assert service.reader.get("/readyz").status_code == 200
                assert not gone.intersection(*[service.reader.shown(i) for i in alive[:3]])
                assert all(service.reader.article("GET", i).status_code == 404 for i in sorted(gone)[:3])
            served += 1
    print(f"killed at: {dict(killed)}; the service started {served} times")
    assert killed.keys() >= set(jobs) or kills < 4 * len(jobs)
    code, said = victim.work(KILLS + 1, "bulk", "delete", *jobs, "reindex")
    ledger.check(said)
    assert (code, len(said)) == (0, 2 * len(jobs) + 6)
    if servers := open_servers(settings):
        schemas = servers[0].ask(f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{CATALOG}_')")
        assert {name for (name,) in schemas} == {f"{CATALOG}_{one.manifest.name}" for one in generations(servers)}
        return
    assert not [path for path in layout.snapshots.iterdir() if path.name.startswith(".")]
    assert sorted(path.name for path in layout.root.iterdir()) == [
        ".lock",
        ".verified",
        "CURRENT",
        "PUBLISHED",
        "STORE",
        "last_run.json",
        "lists",
        "snapshots",
    ]
    kept = {path.name for path in layout.snapshots.iterdir()}
    assert {path.name.rpartition("-")[0] for path in layout.lists.iterdir()} <= kept
    assert not [*layout.lists.rglob("*.npy.*")]
    assert {path.name for path in layout.root.parent.glob("*")} >= {"copy.db", "recommend.db", "index"}
    assert not [*layout.root.parent.glob(".*.part*"), *layout.root.parent.glob("*.restoring*")]


@pytest.mark.parametrize("fatal", [True, False], ids=["a kill", "an error"])
@pytest.mark.parametrize("job", ["publish", "rollback", "backup", "restore"])
def test_each_file_operation_of_a_job_may_go_wrong(victim: Victim, ledger: Ledger, job: str, fatal: bool) -> None:
    for number in range(0 if fatal else STRIDE // 2, 10_000, STRIDE):
        code, said = victim.work(number + 1, "backup", *CHANGES[-1], job, step=number, fatal=fatal)
        assert code in {0, -signal.SIGKILL if fatal else 3}
        ledger.check(said)
        if code == 0:
            break
    print(f"{job}: each of {number} operations went wrong, or every {STRIDE}th")
    assert number > 1
