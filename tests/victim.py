"""A process to kill. It has done the imports; each order forks it, so that a kill falls on work and on nothing else.

Nothing here opens an index or a store before the fork: FAISS hangs in the child of a process that has used its threads.
"""

from __future__ import annotations

import builtins
import io
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import sklearn.feature_extraction.text  # noqa: F401 - else each child would import it
from sqlalchemy import Engine, event

from conftest import ToyEncoder
from recommend.articles.article import parse_article
from recommend.evaluation.comparison import compare
from recommend.index.opening import open_servers
from recommend.index.pgvector.generations import generations, switch
from recommend.index.snapshot.catalog import current_name, list_snapshots
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.publishing import locked, publish
from recommend.ingest import ingest, put
from recommend.jobs.backup import backup, restore
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import make_lists
from recommend.jobs.reindex import reindex
from recommend.jobs.rollback import rollback
from recommend.settings import IndexSettings, PgvectorSettings, Settings
from recommend.store import Store

IDS = [f"story-{number}" for number in range(200)]
TAKEN = {"put": 1, "delete": 1, "bulk": 60, "ingest": 60}  # ids of a job of this kind
FAILED = 3
"""Exit code of a process that a file operation failed."""

_STEPS = {
    os: ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync", "open"),
    io: ("open",),
    builtins: ("open",),
}


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        seed: decides all that is random; a higher one gives higher versions.
        jobs: kinds of job, one after the other; the last, the one aimed at, is repeated until the process is killed.
        endless: False to do each once and exit.
        step: the file operation or statement of the last job, counted from 0, that goes wrong; None for none.
        fatal: whether it goes wrong by a kill, else by an ``OSError``.
    """

    settings: Settings
    log: Path
    seed: int
    jobs: Sequence[str]
    endless: bool = False
    step: int | None = None
    fatal: bool = True


@dataclass
class Fault:
    """Lets one file operation or SQL statement go wrong. Those that only read are not counted: a kill is the same to
    them a moment later."""

    step: int
    fatal: bool
    calls: int = field(default=0)

    @property
    def reached(self) -> bool:
        return self.calls > self.step

    def arm(self) -> None:
        """From here on operations count."""
        for module, names in _STEPS.items():
            for name in names:
                setattr(module, name, partial(self._perhaps, getattr(module, name)))
        event.listen(Engine, "before_cursor_execute", self._execute)
        event.listen(Engine, "commit", lambda _: self._count())

    def _execute(self, connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if not statement.startswith(("SELECT", "PRAGMA", "BEGIN")):
            self._count()

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.step + 1:
            if self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError("Input/output error")

    def _perhaps(self, original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        how = options.get("mode", arguments[1] if len(arguments) > 1 else "r")
        if original.__name__ != "open" or how not in {"r", "rb", os.O_RDONLY}:
            self._count()
        return original(*arguments, **options)


def _work(order: Order) -> int:
    file = os.open(order.log, os.O_WRONLY | os.O_APPEND)
    fault = None if order.step is None else Fault(order.step, order.fatal)

    def say(*words: object) -> None:
        os.write(file, orjson.dumps([*words, time.monotonic()], option=orjson.OPT_APPEND_NEWLINE))

    chance, store = random.Random(order.seed), Store(order.settings.store)
    number = 0
    while number < len(order.jobs) or order.endless:
        last = number >= len(order.jobs) - 1
        kind = order.jobs[min(number, len(order.jobs) - 1)]
        ids = [f"new-{order.seed}"] if kind in {"add", "drop"} else chance.sample(IDS, TAKEN.get(kind, 0))
        job = _prepared(kind, ids, order.seed * 100_000 + number, chance, store, order.settings)
        if number == len(order.jobs) - 1:
            print(os.getpid(), flush=True)
        say("begin", kind, ids, order.seed * 100_000 + number)
        if last and fault is not None:
            fault.arm()
        try:
            job()
        except Exception:
            if fault is None or not fault.reached:
                raise
        if fault is not None and fault.reached:
            return FAILED
        say("done", kind, ids, order.seed * 100_000 + number)
        number += 1
    return 0


def _prepared(
    kind: str, ids: list[str], version: int, chance: random.Random, store: Store, settings: Settings
) -> Callable[[], object]:
    """A job, and before it what it needs in order to have something to do."""
    encoder, layout, copy = ToyEncoder(), IndexLayout(settings.index), settings.index.parent / "copy.db"
    articles = [parse_article({"id": i, "title": f"{version}", "text": f"{i} {version % 9} storm coast"}) for i in ids]
    canary = partial(compare, store, settings, sample=3)
    job = partial(
        reindex, store, encoder, settings, force=True, hooks=Hooks(canary=canary, lists=partial(make_lists, settings))
    )
    rebuild = partial(job, full=True)
    match kind:
        case "put" | "add":
            return partial(put, store, encoder, articles[0])
        case "delete" | "drop":
            return partial(store.delete, ids[0])
        case "bulk" | "ingest":
            return partial(ingest, store, encoder, articles, republish=kind == "bulk")
        case "reindex":
            return rebuild
        case "step":
            return job
        case "backup":
            return partial(backup, store, copy)
        case "restore":
            return partial(restore, store, copy, layout)
    while not (others := _others(store, layout, settings)):
        rebuild()
    name = chance.choice(others)
    if kind == "rollback":
        return partial(rollback, store, settings, lambda _: encoder, name)

    def exchange() -> None:
        with locked(layout):
            if servers := open_servers(settings):
                switch(servers, name)
            else:
                publish(layout, name)

    return exchange


def _others(store: Store, layout: IndexLayout, settings: Settings) -> list[str]:
    """The snapshots that could be live instead."""
    if servers := open_servers(settings):
        known = [one for one in generations(servers) if one.published and one.verified and not one.live]
        return [one.manifest.name for one in known if not store.is_rolled_back(one.manifest.revision)]
    live = current_name(layout)
    listed = [one.manifest for one in list_snapshots(layout) if one.manifest is not None and one.name != live]
    return [] if live is None else [one.name for one in listed if not store.is_rolled_back(one.revision)]


def main() -> None:
    """Carries out orders, JSON lines on standard input: tells the process id when the last job begins, and the exit
    code in the end."""
    print("ready", flush=True)
    for line in sys.stdin:
        if pid := os.fork():
            print(f"code {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}", flush=True)
            continue
        code = 1
        try:
            given = orjson.loads(line)
            indexing = IndexSettings(keep=3, verify_shrink=1)
            settings = Settings(
                store=given.pop("store"),
                index=Path(given.pop("index")),
                indexing=indexing,
                pgvector=PgvectorSettings(**given.pop("pgvector"), changes=1.0, verify_boxes=0.0),
            )
            code = _work(Order(settings=settings, log=Path(given.pop("log")), **given))
        finally:
            sys.stderr.flush()
            if code == 1:
                sys.excepthook(*sys.exc_info())
            os._exit(code)


if __name__ == "__main__":
    main()
