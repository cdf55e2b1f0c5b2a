"""How fast answers are to be, beside how fast they are: every goal in one run, each beside what it is compared with."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

import httpx
import numpy as np

from benchmarks import report
from benchmarks.servers import CONNECTIONS, Load, Server, service, txtai, wrk, yardstick
from benchmarks.service import Subject, copied, path_of, putter, switch, words_of, write_script
from recommend.index.dense import set_threads
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

FOLDER = Path(os.environ.get("GOALS_FOLDER", report.KEPT / "current_events_2002_2024"))
"""With store, index and ready lists, as the benchmark main_job leaves them."""
ANSWERS, ROUNDS, LONG = 400, 3, 6
Row = list[str]


def main() -> None:
    """Writes the part ``goals`` of docs/benchmarks.md."""
    if shutil.which("wrk") is None or not (FOLDER / "index" / "CURRENT").exists():
        sys.exit("goals needs wrk, and what the benchmark main_job leaves")
    listed = _listed(FOLDER)
    subject = Subject.of(FOLDER)
    subject = Subject(FOLDER, subject.view, listed, write_script(FOLDER / "ids.lua", map(path_of, listed)))
    rows = [*library(listed), *over_http(subject), *beside_puts(subject)]
    rows += [[name, measured, "≤ 2 times, no error", "1.2"] for name, measured, _ in switch(subject)]
    about = (
        f"{len(subject.view):,} short items; asked for are {len(listed):,} whose lists are ready. In the library they "
        f"are timed by the processor's clock, one each way in turn; over HTTP by wrk at {CONNECTIONS} connections on "
        f"the same cores, {ROUNDS} rounds in turn, the ratio of each round its own, medians. Load of the machine "
        f"meanwhile: {os.getloadavg()[1]:.0f}. {report.machine()}"
    )
    report.write("benchmarks.md", "goals", f"{about}\n\n{report.table(['what', 'measured', 'goal', 'moonshot'], rows)}")


def library(ids: Sequence[str]) -> Iterator[Row]:
    """An answer that is not kept, from its list and computed."""
    set_threads(1)
    store = Store(f"sqlite:///{FOLDER}/recommend.db")
    settings = Settings(index=FOLDER / "index", models=report.ROOT / "models")
    recommender = Recommender(store, settings)
    other = settings.ranking.model_copy(update={"candidates": settings.ranking.candidates + 1})
    ways = [recommender, recommender.with_settings(ranking=other)]  # for the second no lists were made
    some = np.random.default_rng(5).choice(list(ids), ANSWERS, replace=False).tolist()
    for one in some[:50]:
        ways[0].answer(one, 5)
        ways[1].answer(one, 5)
    times = np.array([[_processor(partial(way.answer, one, 5)) for way in ways] for one in some])
    store.close()
    (middle, computed), late = np.median(times, axis=0), np.quantile(times[:, 0], 0.99)
    least = times[:, 0].min()
    said = f"{middle:.2f} ms, least {least:.2f}, 99 % within {late:.2f}; {middle / computed:.2f} of computing"
    yield ["cold answer in the library, k = 5", said, "≤ 0.6 ms", "0.3"]


def over_http(subject: Subject) -> Iterator[Row]:
    """Hot and cold answers beside bare servers and txtai's own API."""
    folder, ids = subject.folder, subject.ids
    with ExitStack() as servers:
        hot = servers.enter_context(service(folder))
        cold = servers.enter_context(service(folder, cache_size=0))
        url = f"{hot.address}{path_of(ids[0])}"
        answer = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
        bare, fixed = (servers.enter_context(yardstick(folder, name, answer.content)) for name in ("bare", "fast"))
        _warm(hot, ids)
        asked: dict[str, Callable[[], Load]] = {
            "bare": partial(wrk, bare.address),
            "fixed": partial(wrk, fixed.address),
            "one": partial(wrk, url),
            "turn": partial(wrk, hot.address, script=subject.script),
            "article": partial(wrk, url.removesuffix("/related")),
            "cold": partial(wrk, cold.address, script=subject.script),
        }
        vectors = np.asarray(subject.view.segments[0].embeddings, np.float32)
        peer = servers.enter_context(txtai(folder, list(subject.view.ids()), vectors))
        if peer is not None:
            queries = (f"/search?query={quote(one, safe='')}&limit=5" for one in ids)
            asked["txtai"] = partial(wrk, peer.address, script=write_script(folder / "txtai.lua", queries))
        loads: dict[str, list[Load]] = {name: [] for name in asked}
        for _ in range(ROUNDS):
            for name, ask in asked.items():
                loads[name].append(ask())

    def beside(name: str, other: str) -> str:
        ratios = [a.rate / b.rate for a, b in zip(loads[name], loads[other], strict=True)]
        rates = [np.median([load.rate for load in loads[one]]) for one in (name, other)]
        failed = sum(load.errors for load in loads[name])
        return f"{np.median(ratios):.2f} ({rates[0]:,.0f}/s to {rates[1]:,.0f}/s)" + (
            f", {failed} failed" if failed else ""
        )

    if peer is not None:
        yield ["cold answers over HTTP, to txtai's own API", beside("cold", "txtai"), "≥ 2", "4"]
    yield ["hot, one article, to a bare ASGI app", beside("one", "bare"), "≥ .60", ".8"]
    yield [f"hot, {len(ids):,} in turn, to a bare ASGI app", beside("turn", "bare"), "≥ .55", ".8"]
    yield ["`GET` of an article, to a fixed route", beside("article", "fixed"), "≥ .8", "1"]


def beside_puts(subject: Subject) -> Iterator[Row]:
    """Reads in turn while articles are put."""
    with copied(subject) as folder, service(folder) as server:
        _warm(server, subject.ids)
        put = putter(server, words_of(subject.view))
        put()
        for rate, goal, best in ((1, "≥ 95 %; ≤ 2 times", "1.2"), (15, "≤ 4 times", "2")):
            steady = wrk(server.address, script=subject.script, seconds=LONG)
            before, stop = _served(server), Event()
            busy = Thread(target=_paced, args=(put, rate, stop))
            busy.start()
            during = wrk(server.address, script=subject.script, seconds=LONG)
            stop.set()
            busy.join()
            hits, misses = np.array(_served(server)) - before
            said = (
                f"{hits / max(hits + misses, 1):.1%} kept; "
                f"99 % within {during.tail:.1f} ms to {steady.tail:.1f} ms, {during.tail / steady.tail:.1f} times; "
                f"{during.errors} failed"
            )
            yield [f"reads in turn beside {rate} `PUT` a second", said, goal, best]


def _listed(folder: Path) -> list[str]:
    """Ids of up to 5,000 articles whose lists are ready."""
    store = Store(f"sqlite:///{folder}/recommend.db")
    recommender = Recommender(store, Settings(index=folder / "index", models=report.ROOT / "models"))
    view = recommender.view()
    newest = view.segments[0].table.timeline.newest_first
    found = (view.segments[0].table.id(row) for row in newest.tolist())
    ids = [one for one in found if recommender.ranking.is_ready(view, one)]
    store.close()
    return [str(one) for one in np.random.default_rng(7).permutation(ids)[:5_000]]


def _warm(server: Server, ids: Sequence[str]) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client:
        for one in ids:
            client.get(f"{server.address}{path_of(one)}").raise_for_status()


def _paced(put: Callable[[], float], rate: int, stop: Event) -> None:
    due = time.perf_counter()
    while not stop.is_set():
        put()
        due += 1 / rate
        stop.wait(max(0.0, due - time.perf_counter()))


def _served(server: Server) -> tuple[float, float]:
    """Boxes that were kept, and that were made, by the service's own count."""
    text = httpx.get(f"{server.address}/metrics", trust_env=False, timeout=60).text
    counts = {"hit": 0.0, "miss": 0.0}
    for line in text.splitlines():
        if line.startswith("recommend_request_seconds_count") and "/related" in line:
            for kind in counts:
                counts[kind] += float(line.split()[-1]) if f'cache="{kind}"' in line else 0.0
    return counts["hit"], counts["miss"]


def _processor(work: Callable[[], object]) -> float:
    """Milliseconds of the processor."""
    started = time.process_time_ns()
    work()
    return (time.process_time_ns() - started) / 1e6
