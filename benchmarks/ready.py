"""Answers from ready lists beside computed ones, and kept answers beside changes."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import report
from recommend.encoder import Encoder, open_encoder
from recommend.index.dense import set_threads
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import ingest
from recommend.jobs.lists import make_lists
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.cache.answers import AnswerCache, CacheKey
from recommend_service.cache.response import CachedResponse

ANSWERS, KEPT, CHANGES = 400, 5_000, 200


def main() -> None:
    """Writes the part ``ready`` of docs/benchmarks.md, from what ``main_job`` left."""
    source = report.KEPT / "current_events_2002_2024"
    if not (source / "index" / "CURRENT").exists():
        sys.exit("ready measures on the store and index of main_job; run python -m benchmarks main_job first")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "copy"
        shutil.copytree(source, folder)
        settings = Settings(
            store=f"sqlite:///{folder}/recommend.db", index=folder / "index", models=report.ROOT / "models"
        )
        layout, name = IndexLayout(settings.index), current_name(IndexLayout(settings.index)) or ""
        started = time.perf_counter()
        made = make_lists(settings, name)
        took = time.perf_counter() - started
        encoder, store = open_encoder(settings.encoder, settings.models), Store(settings.store)
        set_threads(1)
        recommender = Recommender(store, settings, encoder)
        size = sum(path.stat().st_size for path in layout.lists.rglob("*.npy")) / max(len(recommender), 1)
        making = f"{made:,} lists made in {took:.0f} s, " if made else ""
        text = [
            f"{len(recommender):,} short items; {making}{size:.0f} bytes an article. {report.machine()}",
            _cold(recommender),
            _kept(recommender, store, encoder),
        ]
        store.close()
    report.write("benchmarks.md", "ready", "\n\n".join(text))


def _cold(recommender: Recommender) -> str:
    """Answers that are not kept, each way in turn."""
    other = recommender.settings.ranking.model_copy(
        update={"candidates": recommender.settings.ranking.candidates + 1}  # for which no lists were made
    )
    ways = {"ready list": recommender, "computed": recommender.with_settings(ranking=other)}
    ids = np.random.default_rng(5).choice(list(recommender.view().ids()), ANSWERS, replace=False).tolist()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for one in ids:
        for name, way in ways.items():
            times[name].append(_seconds(way, one))
    rows = []
    for name, found in times.items():
        middle, late = 1000 * np.median(found), 1000 * np.quantile(found, 0.99)
        rows.append(
            [name, f"{middle:.2f} ms", f"{late:.2f} ms", f"{np.median(found) / np.median(times['computed']):.2f}"]
        )
    return report.table(["an answer of five, not kept", "median", "p99", "to computed"], rows)


def _kept(recommender: Recommender, store: Store, encoder: Encoder) -> str:
    """How many of many kept answers each of many changes leaves, and what the look costs."""
    ids = list(recommender.view().ids())
    chance = np.random.default_rng(6)
    newest = recommender.view().segments[0].table.timeline.newest_first[:KEPT].tolist()
    rows = []
    for what, some in (
        ("any articles", chance.choice(ids, KEPT, replace=False).tolist()),
        ("the newest articles", [recommender.view().segments[0].table.id(row) for row in newest]),
    ):
        cache = AnswerCache(2 * KEPT, 2**30, recommender.ranking.comparison)
        _fill(cache, recommender, some)
        before, shares, looks = len(cache), list[float](), list[float]()
        for number, one in enumerate(chance.choice(newest, CHANGES).tolist()):
            row = store.get(recommender.view().segments[0].table.id(one))
            assert row is not None
            ingest(store, encoder, [row.model_copy(update={"id": f"{what} {number}", "tags": [str(number)]})])
            view, held = recommender.view(), len(cache)
            started = time.perf_counter()
            cache.get(view, time.time(), CacheKey("nobody", 1, "none"))
            looks.append(time.perf_counter() - started)
            shares.append(len(cache) / held)
            _fill(cache, recommender, some)
        least, middle = min(shares), float(np.median(shares))
        rows.append([f"{before:,} of {what}", f"{middle:.2%}", f"{least:.2%}", f"{1000 * np.median(looks):.1f} ms"])
    return report.table(["kept answers", "left by a new story, median", "least", "the look that tells"], rows)


def _fill(cache: AnswerCache, recommender: Recommender, ids: Sequence[str]) -> None:
    view = recommender.view()
    for one in ids:
        asked = CacheKey(one, 5, "none")
        if cache.get(view, time.time(), asked) is None and (answer := recommender.answer(one, 5)) is not None:
            cache.put(view, asked, CachedResponse.of(answer, "public", explain=False))


def _seconds(recommender: Recommender, article_id: str) -> float:
    started = time.perf_counter()
    recommender.answer(article_id, 5)
    return time.perf_counter() - started
