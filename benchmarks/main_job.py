"""The main job on 106,373 dated news items: ingest, reindex, both again with nothing new, and answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import report
from recommend.index.dense import set_threads
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

ANSWERS = 1_000


def main() -> None:
    """Writes the part ``main job`` of docs/benchmarks.md."""
    articles = report.data("current_events_2002_2024.articles.jsonl.gz")
    folder = report.KEPT / "current_events_2002_2024"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    first = [_command(folder, "ingest", str(articles)), _command(folder, "reindex")]
    again = [_command(folder, "ingest", str(articles)), _command(folder, "reindex")]
    store = Store(f"sqlite:///{folder}/recommend.db")
    set_threads(1)
    started = time.perf_counter()
    settings = Settings(index=folder / "index", models=report.ROOT / "models")
    recommender = Recommender(store, settings)
    opened = time.perf_counter() - started
    ids = list(recommender.view().ids())
    chosen = np.random.default_rng(7).choice(len(ids), ANSWERS, replace=False)
    times = [_timed(recommender, ids[i]) for i in chosen]
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    manifest = recommender.view().snapshot.manifest
    store.close()
    rows = [
        [name, f"{seconds:.1f} s", f"{memory:,.0f} MB"]
        for name, (seconds, memory) in zip(
            ["ingest", "reindex", "second ingest, nothing new", "second reindex, nothing new"],
            first + again,
            strict=True,
        )
    ]
    text = "\n\n".join(
        [
            f"{len(ids):,} short news items, each command a process of its own. {report.machine()}",
            report.table(["step", "wall time", "peak memory"], rows),
            f"Index kind {manifest.kind}, sampled recall@10 {manifest.recall:.3f}, {disk / 1e6:,.0f} MB on disk with "
            f"the store. Opening takes {1000 * opened:.0f} ms; an answer of five stories with reasons, not cached, "
            f"takes {1000 * np.median(times):.1f} ms (median of {ANSWERS:,}), {1000 * np.quantile(times, 0.99):.1f} ms "
            "at the 99th percentile.",
        ]
    )
    report.write("benchmarks.md", "main job", text)


def _command(folder: Path, *arguments: str) -> tuple[float, float]:
    """Seconds and peak megabytes of one command."""
    program = (
        "import json, resource, sys; from recommend.cli.app import app; import recommend.cli.main; "
        "app(sys.argv[1:], standalone_mode=False); "
        "print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), file=sys.stderr)"
    )
    environment = {**os.environ, "RECOMMEND_MODELS": str(report.ROOT / "models")}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    return seconds, json.loads(done.stderr.splitlines()[-1]) / 1000


def _timed(recommender: Recommender, article_id: str) -> float:
    started = time.perf_counter()
    recommender.answer(article_id, 5)
    return time.perf_counter() - started
