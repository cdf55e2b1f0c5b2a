"""What changes since the snapshot cost: opening, an answer, one change more, beside none, 1,000 and 10,000 of them."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import report
from recommend.articles.article import Article
from recommend.encoder import Encoder, open_encoder
from recommend.index.dense import set_threads
from recommend.ingest import ingest
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.sources import read
from recommend.store import Store

SIZES, ANSWERS, CHANGES = (0, 1_000, 10_000), 300, 300


def main() -> None:
    """Writes the part ``overlay`` of docs/benchmarks.md, from what ``main_job`` left."""
    source = report.KEPT / "current_events_2002_2024"
    if not (source / "index" / "CURRENT").exists():
        sys.exit("overlay measures on the store and index of main_job; run python -m benchmarks main_job first")
    articles = report.data("current_events_2002_2024.articles.jsonl.gz")
    everything = [row for row in read(articles) if isinstance(row, Article)]
    order = np.random.default_rng(7).permutation(len(everything))
    rows = []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "copy"
        shutil.copytree(source, folder)
        settings = Settings(
            store=f"sqlite:///{folder}/recommend.db", index=folder / "index", models=report.ROOT / "models"
        )
        encoder = open_encoder(settings.encoder, settings.models)
        set_threads(1)
        for size in SIZES:
            changed = [everything[i].model_copy(update={"tags": ["changed"]}) for i in order[:size]]
            rows.append([f"{size:,}", *_measured(settings, encoder, changed, everything[order[-1]])])
    text = "\n\n".join(
        [
            f"{len(everything):,} short items in the snapshot, one thread. {report.machine()}",
            report.table(["changed since", "opening", "an answer, not cached", "one change more"], rows),
        ]
    )
    report.write("benchmarks.md", "overlay", text)


def _measured(settings: Settings, encoder: Encoder, changed: list[Article], other: Article) -> list[str]:
    store = Store(settings.store)
    ingest(store, encoder, changed)
    started = time.perf_counter()
    recommender = Recommender(store, settings)
    opened = time.perf_counter() - started
    ids = np.random.default_rng(5).choice(list(recommender.view().ids()), ANSWERS, replace=False).tolist()
    answers = [_seconds(partial(recommender.answer, one, 5)) for one in ids]
    applied = []
    for number in range(CHANGES):
        ingest(store, encoder, [other.model_copy(update={"tags": [str(number)]})])
        applied.append(_seconds(recommender.view))
    store.close()
    milliseconds = [f"{1000 * np.median(times):.1f} ms" for times in (answers, applied)]
    return [f"{opened:.1f} s", *milliseconds]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
