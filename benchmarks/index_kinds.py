"""Kinds of FAISS index against exact search, on real embeddings and, beyond those, on ones made from them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from recommend.arrays import mapped, widened
from recommend.snapshot import IndexLayout, current_name
from recommend.vectors import KINDS, Kind, VectorIndex, set_threads

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
    real = mapped(layout.snapshot(name).embeddings)
    rows = []
    for size in SIZES:
        vectors = (
            real[np.random.default_rng(5).permutation(len(real))[:size]] if size <= len(real) else grown(real, size)
        )
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


def grown(real: Halves, size: int) -> Halves:
    """(size, d): points between real embeddings and near ones, with the real ones' own neighbourhoods."""
    chance = np.random.default_rng(6)
    index = VectorIndex.build(real, KINDS["ivf-pq"])
    near = np.concatenate([index.search_many(widened(block), 9)[0] for block in np.array_split(real, 128)])
    found = np.empty((size, real.shape[1]), np.float16)
    for start in range(0, size, _BLOCK):
        some = chance.integers(0, len(real), min(_BLOCK, size - start))
        other = np.maximum(near[some, chance.integers(0, 9, len(some))], 0)
        share = chance.random((len(some), 1), np.float32) * 0.5
        mixed = (1 - share) * widened(real[some]) + share * widened(real[other])
        mixed += chance.normal(scale=0.01, size=mixed.shape).astype(np.float32)
        found[start : start + len(some)] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return found


def exact(vectors: Halves) -> Iterator[NDArray[np.int64]]:
    """The DEPTH nearest of each query, nearest first."""
    queries = widened(vectors[:QUERIES])
    scores = np.concatenate(
        [widened(block) @ queries.T for block in np.array_split(vectors, len(vectors) // _BLOCK + 1)]
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
        for query, nearest in zip(widened(vectors[:QUERIES]), truth, strict=True):
            started = time.perf_counter()
            found = index.search(query, DEPTH)
            times.append(time.perf_counter() - started)
            at_10.append(np.isin(nearest[:10], found).mean())
            at_depth.append(np.isin(nearest, found).mean())
    print(kind.name, len(vectors), f"{1000 * np.median(times):.2f} ms", flush=True)
    recalls = [f"{np.mean(at_10):.3f}", f"{np.mean(at_depth):.3f}"]
    return [kind.name, f"{1000 * np.median(times):.2f}", *recalls, f"{seconds:.1f} s", f"{size / 1e6:,.0f} MB"]
