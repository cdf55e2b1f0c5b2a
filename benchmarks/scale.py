"""Cost as the work grows: each stage with ten thousand, a hundred thousand, a million articles; ten million vectors.

``python -m benchmarks.scale SIZE`` measures one size and prints it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute  # which answers import late

from benchmarks import report
from benchmarks.archive import Archive, Growth
from recommend.arrays import mapped, widened
from recommend.encoder import open_encoder
from recommend.recommender import Recommender
from recommend.reindex import reindex
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, live_manifest
from recommend.snapshot.layout import SnapshotLayout
from recommend.store import Store
from recommend.vectors import VectorIndex, choose_kind, set_threads

SIZES = (10_000, 100_000, 1_000_000)
VECTORS = 10_000_000
ANSWERS, QUERIES, BATCH = 500, 100, 1024
Figures = dict[str, Any]


def main() -> None:
    """Writes the part ``scale`` of docs/benchmarks.md."""
    measured = {size: articles(size) for size in SIZES}
    stages = list(next(iter(measured.values()))["stages"])
    rows = [
        ["fill the store", *(f"{found['fill']:.1f} s" for found in measured.values())],
        *([stage, *(f"{found['stages'][stage]:.1f} s" for found in measured.values())] for stage in stages),
        ["reindex in all", *(f"{sum(found['stages'].values()):.1f} s" for found in measured.values())],
        ["peak memory of reindex", *(f"{found['peak']:,.0f} MB" for found in measured.values())],
        ["store on disk", *(f"{found['store']:,.0f} MB" for found in measured.values())],
        ["snapshot on disk", *(f"{found['snapshot']:,.0f} MB" for found in measured.values())],
        ["loaded whole", *(f"{1000 * found['load']:,.0f} ms" for found in measured.values())],
        ["opened, mapped", *(f"{1000 * found['open']:,.0f} ms" for found in measured.values())],
        ["first answer then", *(f"{1000 * found['first']:,.0f} ms" for found in measured.values())],
        ["both, of loading whole", *(f"{(f['open'] + f['first']) / f['load']:.1%}" for f in measured.values())],
        ["an answer, not cached, median", *(f"{1000 * found['answer']:.1f} ms" for found in measured.values())],
        ["memory after those, its own", *(f"{found['own']:,.0f} MB" for found in measured.values())],
        ["and with what is mapped", *(f"{found['resident']:,.0f} MB" for found in measured.values())],
    ]
    text = "\n\n".join(
        [
            "Real articles of the archive; a million are made of them, each of two near ones, with the words and the "
            f"embeddings of both. Nothing is encoded. {report.machine()}",
            report.table(["", *(f"{size:,}" for size in SIZES)], rows),
            vectors(VECTORS),
        ]
    )
    report.write("benchmarks.md", "scale", text)


def articles(size: int) -> Figures:
    """Each step in a process of its own, so that its memory is its own."""
    folder = report.KEPT / f"scale-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return {name: value for step in ("fill", "build", "load", "serve") for name, value in _step(step, size).items()}
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
    result = reindex(store, encoder, settings, on_stage=lambda stage: marks.append((stage, time.perf_counter())))
    marks.append(("", time.perf_counter()))
    stages = {stage: end - start for (stage, start), (_, end) in pairwise(marks)}
    if result.embedded or result.manifest.articles != size:
        raise SystemExit(f"{result.manifest.articles} articles != {size}, {result.embedded} were embedded")
    return {"stages": stages, "peak": _peak(), "snapshot": _megabytes(_parts(folder).root.rglob("*"))}


def _load(_size: int, folder: Path) -> Figures:
    """All that a snapshot holds, read into memory, with nothing of it in the page cache."""
    parts = _parts(folder)
    _forget(parts.root)
    started = time.perf_counter()
    arrays = [np.load(path) for path in sorted(parts.root.rglob("*.npy"))]
    index = faiss.read_index(str(parts.vectors))
    tables = [pa.ipc.open_file(pa.OSFile(str(path))).read_all() for path in sorted(parts.root.rglob("*.arrow"))]
    seconds = time.perf_counter() - started
    return {"load": seconds, "loaded": len(arrays) + len(tables) + bool(index)}


def _serve(_size: int, folder: Path) -> Figures:
    """From a store that was opened, with all modules that takes: what is measured grows with the snapshot, or not."""
    set_threads(1)
    table = pa.ipc.open_file(pa.OSFile(str(_parts(folder).articles))).get_batch(0)
    chance = np.random.default_rng(7)
    ids = [table["id"][int(row)].as_py() for row in chance.choice(len(table), ANSWERS + 1, replace=False)]
    del table
    store = _store(folder)
    store.latest_revision()
    _forget(_parts(folder).root)
    times = [time.perf_counter()]
    recommender = Recommender(store, _settings(folder))
    times.append(time.perf_counter())
    for one in ids:
        recommender.answer(one, 5)
        times.append(time.perf_counter())
    took = np.diff(times)
    return {"open": took[0], "first": took[1], "answer": np.median(took[2:]), **_memory()}


def _build_vectors(size: int, folder: Path) -> Figures:
    kind, path, done = choose_kind("auto", size), folder / "embeddings.npy", 0
    growth = Growth(Archive.read().growth.real)
    streamed = np.lib.format.open_memmap(path, "w+", np.float16, (size, growth.real.shape[1]))
    for block in growth.blocks(size):
        streamed[done : done + len(block.vectors)] = block.vectors
        done += len(block.vectors)
    del streamed, growth
    started = time.perf_counter()
    VectorIndex.build(mapped(path), kind).save(folder / "vectors.faiss")
    seconds = time.perf_counter() - started
    sizes = {name: _megabytes([folder / file]) for name, file in (("file", path.name), ("index", "vectors.faiss"))}
    return {"seconds": seconds, "kind": kind.name, "peak": _peak(), **sizes}


def _search_vectors(size: int, folder: Path) -> Figures:
    set_threads(1)
    embeddings = mapped(folder / "embeddings.npy")
    queries = widened(embeddings[np.random.default_rng(7).choice(size, QUERIES, replace=False)])
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
        block = widened(embeddings[start : start + 65_536]) @ queries.T
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
    "serve": _serve,
    "build_vectors": _build_vectors,
    "search_vectors": _search_vectors,
}

if __name__ == "__main__":
    match sys.argv[1:]:
        case [step, size]:
            print(json.dumps(_STEPS[step](int(size), report.KEPT / f"scale-{size}"), default=float))
        case [size]:
            print(json.dumps(articles(int(size)), indent=1))
        case _:
            sys.exit("python -m benchmarks.scale SIZE")
