"""Cost as the work grows: each stage with ten thousand, a hundred thousand, a million articles; ten million vectors.

``python -m benchmarks.scale SIZE`` measures one size and prints it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute  # which answers import late
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.archive import Archive, Growth
from recommend.arrays import load_mmap, to_float32
from recommend.encoder import open_encoder
from recommend.index.dense import VectorIndex, choose_kind, set_threads
from recommend.index.snapshot.catalog import live_manifest
from recommend.index.snapshot.layout import IndexLayout, SnapshotLayout
from recommend.jobs.reindex import Progress, reindex
from recommend.ranking.ready import make_block
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

SIZES = (10_000, 100_000, 1_000_000)
VECTORS = 10_000_000
ANSWERS, QUERIES, BATCH, BLOCKS = 500, 100, 1024, 2
Figures = dict[str, Any]


def main() -> None:
    """Writes the part ``scale`` of docs/benchmarks.md."""
    measured = {size: articles(size) for size in SIZES}
    stages = list(next(iter(measured.values()))["stages"])
    told: dict[str, Callable[[Figures], str]] = {
        "fill the store": lambda found: f"{found['fill']:.1f} s",
        **{stage: partial(_stage, stage) for stage in stages},
        "reindex in all": lambda found: f"{sum(found['stages'].values()):.1f} s",
        "peak memory of reindex": lambda found: f"{found['peak']:,.0f} MB",
        "store on disk": lambda found: f"{found['store']:,.0f} MB",
        "snapshot on disk": lambda found: f"{found['snapshot']:,.0f} MB",
    }
    for kept in ("on disk only", "in the page cache"):
        told |= {
            f"files {kept}: loaded whole": partial(_milliseconds, f"load {kept}"),
            f"files {kept}: opened, mapped": partial(_milliseconds, f"open {kept}"),
            f"files {kept}: first answer then": partial(_milliseconds, f"first {kept}"),
            f"files {kept}: both, of loading whole": partial(_opening, kept),
        }
    told |= {
        "an answer, not cached, median": lambda found: f"{1000 * found['answer']:.1f} ms",
        "a list made ready, by one core": lambda found: f"{1000 * found['list']:.1f} ms",
        "an answer from its list, median": lambda found: f"{1000 * found['listed']:.2f} ms",
        "memory after those, its own": lambda found: f"{found['own']:,.0f} MB",
        "and with what is mapped": lambda found: f"{found['resident']:,.0f} MB",
    }
    rows = [[name, *map(shown, measured.values())] for name, shown in told.items()]
    text = "\n\n".join(
        [
            "Real articles of the archive; a million are made of them, each of two near ones, with the words and the "
            f"embeddings of both. Nothing is encoded. {report.machine()}",
            report.table(["", *(f"{size:,}" for size in SIZES)], rows),
            vectors(VECTORS),
        ]
    )
    report.write("benchmarks.md", "scale", text)


def _stage(name: str, found: Figures) -> str:
    return f"{found['stages'][name]:.1f} s"


def _milliseconds(name: str, found: Figures) -> str:
    return f"{1000 * found[name]:,.0f} ms"


def _opening(kept: str, found: Figures) -> str:
    return f"{(found[f'open {kept}'] + found[f'first {kept}']) / found[f'load {kept}']:.1%}"


def articles(size: int) -> Figures:
    """Each step in a process of its own, so that its memory is its own."""
    folder = report.KEPT / f"scale-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return {name: value for step in _OF_ARTICLES for name, value in _step(step, size).items()}
    finally:
        shutil.rmtree(folder)


def vectors(size: int) -> str:
    """What becomes of vectors alone."""
    folder = report.KEPT / f"scale-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        built, found = _step("build_vectors", size), _step("search_vectors", size)
    finally:
        shutil.rmtree(folder)
    return (
        f"{size:,} vectors alone, streamed to a file of {built['file']:,.0f} MB: kind {built['kind']} is built in "
        f"{built['seconds']:.0f} s with {built['peak']:,.0f} MB at the most, the mapped file included, and takes "
        f"{built['index']:,.0f} MB. Opened in {1000 * found['open']:.0f} ms, it answers for the 200 nearest in "
        f"{1000 * found['median']:.1f} ms (median of {QUERIES}), recall@10 {found['recall']:.3f}, with "
        f"{found['own']:,.0f} MB of its own and {found['resident']:,.0f} MB with what is mapped."
    )


def _step(name: str, size: int) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", name, str(size)],
        cwd=report.ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(name, size, done.stdout.splitlines()[-1], file=sys.stderr, flush=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _fill(size: int, folder: Path) -> Figures:
    archive, store, seconds = Archive.read(), _store(folder), 0.0
    for some, embeddings in archive.sampled(size):
        pairs = list(zip(some, embeddings.astype(np.float32), strict=True))
        started = time.perf_counter()
        for first in range(0, len(pairs), BATCH):
            store.put(pairs[first : first + BATCH], archive.fingerprint)
        seconds += time.perf_counter() - started
    store.close()
    return {"fill": seconds, "store": _megabytes(folder.glob("recommend.db*"))}


def _build(size: int, folder: Path) -> Figures:
    settings, store = _settings(folder), _store(folder)
    encoder = open_encoder(settings.encoder, settings.models)
    marks: list[tuple[str, float]] = []
    result = reindex(
        store, encoder, settings, progress=Progress(stage=lambda stage: marks.append((stage, time.perf_counter())))
    )
    marks.append(("", time.perf_counter()))
    stages = {stage: end - start for (stage, start), (_, end) in pairwise(marks)}
    if result.embedded or result.manifest.articles != size:
        raise SystemExit(f"{result.manifest.articles} articles != {size}, {result.embedded} were embedded")
    return {"stages": stages, "peak": _peak(), "snapshot": _megabytes(_parts(folder).root.rglob("*"))}


def _load(_size: int, folder: Path) -> Figures:
    parts = _parts(folder)
    _forget(parts.root)
    return {"load on disk only": _loaded(parts)}


def _load_again(_size: int, folder: Path) -> Figures:
    return {"load in the page cache": _loaded(_parts(folder))}


def _loaded(parts: SnapshotLayout) -> float:
    """Seconds in which all that a snapshot holds is read into memory."""
    started = time.perf_counter()
    arrays = [np.load(path) for path in sorted(parts.root.rglob("*.npy"))]
    index = faiss.read_index(str(parts.vectors))
    tables = [pa.ipc.open_file(pa.OSFile(str(path))).read_all() for path in sorted(parts.root.rglob("*.arrow"))]
    seconds = time.perf_counter() - started
    if not (arrays and index and tables):
        raise SystemExit(f"{parts.root} lacks a part")
    return seconds


def _serve(_size: int, folder: Path) -> Figures:
    took, memory = _answered(folder, ANSWERS, cached=False)
    return {"open on disk only": took[0], "first on disk only": took[1], "answer": np.median(took[2:]), **memory}


def _serve_again(_size: int, folder: Path) -> Figures:
    took, _ = _answered(folder, 0, cached=True)
    return {"open in the page cache": took[0], "first in the page cache": took[1]}


def _list(_size: int, folder: Path) -> Figures:
    """Makes the lists of the newest, and answers from them."""
    set_threads(1)
    recommender = Recommender(_store(folder), _settings(folder))
    table = recommender.view().segments[0].table
    scoring, rules = recommender.ranking.selection(recommender.view()).scoring, recommender.settings.policy
    lists = recommender.ranking.ready.lists(scoring)
    lists.folder.mkdir(parents=True)
    started, made = time.process_time(), 0
    for number in range(BLOCKS):
        block = make_block(scoring, rules, number)
        lists.put(number, block)
        made += len(block)
    took = (time.process_time() - started) / made
    rows = np.random.default_rng(7).choice(table.timeline.newest_first[:made], min(ANSWERS, made), replace=False)
    times = list[float]()
    for one in map(table.id, rows.tolist()):
        started = time.perf_counter()
        recommender.answer(one, 5)
        times.append(time.perf_counter() - started)
    return {"list": took, "listed": np.median(times)}


def _answered(folder: Path, more: int, *, cached: bool) -> tuple[NDArray[np.float64], Figures]:
    """Seconds of opening, of the first answer, and of each of some more, and the memory then: from a store that was
    opened, with all modules that takes, so that what is measured grows with the snapshot, or not."""
    set_threads(1)
    table = pa.ipc.open_file(pa.memory_map(str(_parts(folder).articles))).get_batch(0)
    chance = np.random.default_rng(7)
    ids = [table["id"][int(row)].as_py() for row in chance.choice(len(table), more + 1, replace=False)]
    del table
    store = _store(folder)
    store.latest_revision()
    if not cached:
        _forget(_parts(folder).root)
    gc.collect()
    gc.freeze()  # as the service has it, where no answer waits until all modules were looked through for garbage
    started = time.perf_counter()
    recommender = Recommender(store, _settings(folder))
    times = [started, time.perf_counter()]
    for one in ids:
        recommender.answer(one, 5)
        times.append(time.perf_counter())
    return np.diff(times), _memory()


def _build_vectors(size: int, folder: Path) -> Figures:
    kind, path, done = choose_kind("auto", size), folder / "embeddings.npy", 0
    growth = Growth(Archive.read().growth.real)
    streamed = np.lib.format.open_memmap(path, "w+", np.float16, (size, growth.real.shape[1]))
    for block in growth.blocks(size):
        streamed[done : done + len(block.vectors)] = block.vectors
        done += len(block.vectors)
    del streamed, growth
    started = time.perf_counter()
    VectorIndex.build(load_mmap(path), kind).save(folder / "vectors.faiss")
    seconds = time.perf_counter() - started
    sizes = {name: _megabytes([folder / file]) for name, file in (("file", path.name), ("index", "vectors.faiss"))}
    return {"seconds": seconds, "kind": kind.name, "peak": _peak(), **sizes}


def _search_vectors(size: int, folder: Path) -> Figures:
    set_threads(1)
    embeddings = load_mmap(folder / "embeddings.npy")
    queries = to_float32(embeddings[np.random.default_rng(7).choice(size, QUERIES, replace=False)])
    times = [time.perf_counter()]
    index = VectorIndex.load(folder / "vectors.faiss", choose_kind("auto", size), embeddings)
    times.append(time.perf_counter())
    found = []
    for query in queries:
        found.append(index.search(query, 200))
        times.append(time.perf_counter())
    took, memory = np.diff(times), _memory()
    scores = np.full((0, QUERIES), 0, np.float32)
    rows = np.zeros((0, QUERIES), np.int64)
    for start in range(0, size, 65_536):
        block = to_float32(embeddings[start : start + 65_536]) @ queries.T
        scores = np.concatenate([scores, block])
        rows = np.concatenate([rows, np.repeat(np.arange(start, start + len(block))[:, None], QUERIES, axis=1)])
        best = np.argpartition(-scores, 9, axis=0)[:10]
        scores, rows = np.take_along_axis(scores, best, axis=0), np.take_along_axis(rows, best, axis=0)
    recall = np.mean([np.isin(nearest, answer).mean() for nearest, answer in zip(rows.T, found, strict=True)])
    return {"open": took[0], "median": np.median(took[1:]), "recall": recall, **memory}


def _settings(folder: Path) -> Settings:
    return Settings(index=folder / "index", models=report.ROOT / "models")


def _store(folder: Path) -> Store:
    return Store(f"sqlite:///{folder}/recommend.db")


def _parts(folder: Path) -> SnapshotLayout:
    layout = IndexLayout(folder / "index")
    manifest = live_manifest(layout)
    if manifest is None:
        raise SystemExit(f"{folder} holds no live snapshot")
    return layout.snapshot(manifest.name)


def _forget(root: Path) -> None:
    """Drops files from the page cache."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _memory() -> Figures:
    """What the process holds for itself, and with the files it has mapped, in megabytes."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return {"own": kilobytes["Anonymous"] / 1000, "resident": kilobytes["Rss"] / 1000}


def _megabytes(paths: Iterable[Path]) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


_STEPS: dict[str, Callable[[int, Path], Figures]] = {
    "fill": _fill,
    "build": _build,
    "load": _load,
    "load_again": _load_again,
    "serve": _serve,
    "serve_again": _serve_again,
    "list": _list,
    "build_vectors": _build_vectors,
    "search_vectors": _search_vectors,
}

_OF_ARTICLES = ("fill", "build", "load", "load_again", "serve", "serve_again", "list")

if __name__ == "__main__":
    match sys.argv[1:]:
        case [step, size]:
            print(json.dumps(_STEPS[step](int(size), report.KEPT / f"scale-{size}"), default=float))
        case [size]:
            print(json.dumps(articles(int(size)), indent=1))
        case _:
            sys.exit("python -m benchmarks.scale SIZE")
