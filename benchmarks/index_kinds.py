"""Kinds of FAISS index against exact search, on real embeddings and, beyond those, on ones made from them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.archive import Growth
from recommend.arrays import load_mmap, to_float32
from recommend.index.dense import KINDS, Kind, VectorIndex, set_threads
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout

SIZES = (10_000, 100_000, 1_000_000)
QUERIES = 200
DEPTH = 200
_BLOCK = 65_536

Halves = NDArray[np.float16]


def main() -> None:
    """Writes the part ``index kinds`` of docs/benchmarks.md."""
    layout = IndexLayout(report.KEPT / "current_events_2002_2024" / "index")
    name = current_name(layout)
    if name is None:
        raise SystemExit("run the benchmark main_job first: its index has the real embeddings")
    real = load_mmap(layout.snapshot(name).embeddings)
    rows = []
    for size in SIZES:
        some = np.random.default_rng(5).permutation(len(real))[:size]
        vectors = real[some] if size <= len(real) else Growth(real).vectors(size)
        truth = list(exact(vectors))
        rows += [
            [f"{size:,}", *measured(vectors, kind, truth)]
            for kind in KINDS.values()
            if kind.name != "flat" or size <= 100_000
        ]
    header = ["vectors", "kind", "ms a query", "recall@10", "recall@200", "build", "index file"]
    text = "\n\n".join(
        [
            f"{QUERIES} queries for the {DEPTH} nearest on one core (median), built on all. The embeddings are "
            "those of the main job; a million are made of them, each between one and one of its eight nearest. "
            f"{report.machine()}",
            report.table(header, rows),
        ]
    )
    report.write("benchmarks.md", "index kinds", text)


def exact(vectors: Halves) -> Iterator[NDArray[np.int64]]:
    """The DEPTH nearest of each query, nearest first."""
    queries = to_float32(vectors[:QUERIES])
    scores = np.concatenate(
        [to_float32(block) @ queries.T for block in np.array_split(vectors, len(vectors) // _BLOCK + 1)]
    )
    for row in scores.T:
        best = np.argpartition(-row, DEPTH)[:DEPTH]
        yield best[np.argsort(-row[best])]


def measured(vectors: Halves, kind: Kind, truth: list[NDArray[np.int64]]) -> list[str]:
    """A line of the table."""
    set_threads(0)
    started = time.perf_counter()
    built = VectorIndex.build(vectors, kind)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.faiss"
        built.save(path)
        size = path.stat().st_size
        index = VectorIndex.load(path, kind, vectors)
        del built
        set_threads(1)
        times, at_10, at_depth = [], [], []
        for query, nearest in zip(to_float32(vectors[:QUERIES]), truth, strict=True):
            started = time.perf_counter()
            found = index.search(query, DEPTH)
            times.append(time.perf_counter() - started)
            at_10.append(np.isin(nearest[:10], found).mean())
            at_depth.append(np.isin(nearest, found).mean())
    print(kind.name, len(vectors), f"{1000 * np.median(times):.2f} ms", flush=True)
    recalls = [f"{np.mean(at_10):.3f}", f"{np.mean(at_depth):.3f}"]
    return [kind.name, f"{1000 * np.median(times):.2f}", *recalls, f"{seconds:.1f} s", f"{size / 1e6:,.0f} MB"]
