"""Answers over HTTP beside the least that an ASGI server can do, all servers up at once, asked in turn by wrk."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from urllib.parse import quote

import httpx
import numpy as np

from benchmarks import report
from benchmarks.servers import CONNECTIONS, KEY, SECONDS, Load, Server, run, service, txtai, wrk, yardstick
from recommend.files import replace_file
from recommend.index.live import SnapshotView
from recommend.index.snapshot.catalog import current_name, list_snapshots
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.view import View

ROUNDS, PUTS, PUTS_A_SECOND, WORDS, LONG = 3, 50, 20, 400, 6
CACHED_IDS = 5_000
Row = tuple[str, str, str]
_HOT, _TXTAI = "hot: one article", "*txtai:* its own API, five nearest"


@dataclass(frozen=True)
class Contender:
    """One kind of request."""

    name: str
    url: str
    headers: tuple[str, ...] = ()
    script: Path | None = None


@dataclass(frozen=True)
class Subject:
    """What is measured: a folder with store and index, ids of articles in it, a script that asks for them in turn."""

    folder: Path
    view: View
    ids: list[str]
    script: Path

    @classmethod
    def of(cls, folder: Path) -> Subject:
        """Chooses ids."""
        layout = IndexLayout(folder / "index")
        view = SnapshotView(layout, current_name(layout) or "").refresh()
        ids = np.random.default_rng(7).permutation(list(view.ids()))[:CACHED_IDS].tolist()
        return cls(folder, view, ids, write_script(folder / "ids.lua", [path_of(one) for one in ids]))


def main() -> None:
    """Writes the part ``service`` of docs/benchmarks.md, with the large set where there is one."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is absent; install it (apt-get install wrk) to measure the service")
    sets = {"sample corpus": report.ROOT / "examples" / "corpus" / "articles.jsonl"}
    large = report.DATA / "current_events_2002_2024.articles.jsonl.gz"
    if "RECOMMEND_TEST_DATA" in os.environ and large.exists():
        sets["current_events_2002_2024"] = large
    parts = []
    for name, articles in sets.items():
        folder = report.KEPT / name.replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        run(folder, "ingest", str(articles))
        run(folder, "reindex")
        subject = Subject.of(folder)
        with ExitStack() as servers:
            contenders, hot = _start(subject, servers)
            loads = [[wrk(one.url, one.headers, one.script) for one in contenders] for _ in range(ROUNDS)]
            promises = [*beside_txtai(contenders, loads), memory(hot, len(subject.ids))]
        promises += [*workers(subject), *switch(subject), *writes(subject)]
        said = report.table(["promise", "measured", "goal"], promises)
        parts.append(f"### {name}\n\n{len(subject.view):,} articles.\n\n{_table(contenders, loads)}\n\n{said}")
    about = (
        f"Requests a second at {CONNECTIONS} connections on loopback, one worker each, medians of {ROUNDS} rounds of "
        f"{SECONDS} s in turn; the ratio is the median of each round's own. wrk runs on the same cores, and other work "
        f"may have been running. txtai looks its vectors up, by id, and answers with ids and scores. {report.machine()}"
    )
    report.write("benchmarks.md", "service", "\n\n".join([about, *parts]))


def beside_txtai(contenders: list[Contender], loads: list[list[Load]]) -> Iterator[Row]:
    """How often this answers while txtai does once."""
    names = [one.name for one in contenders]
    if _TXTAI in names:
        hot, other = names.index(_HOT), names.index(_TXTAI)
        times = np.median([load[hot].rate / load[other].rate for load in loads])
        yield ("hot to txtai", f"{times:.0f} times", "20 times")


def memory(server: Server, kept: int) -> Row:
    """What a worker holds for itself, and what of the snapshot it has mapped, after answering for many articles."""
    own = mapped = 0
    inside = False
    for line in Path(f"/proc/{server.process}/smaps").read_text().splitlines():
        name, _, value = line.partition(":")
        if " " in name:  # a mapping: addresses, rights, and its file
            inside = "/index/snapshots/" in line
        elif name in {"Private_Dirty", "Private_Clean"} and not inside:
            own += int(value.split()[0])
        elif name == "Pss" and inside:
            mapped += int(value.split()[0])
    measured = f"{own / 1e3:.0f} MB, and {mapped / 1e3:.0f} MB of the snapshot mapped"
    return (f"private memory of a worker that keeps {kept:,} answers", measured, "200 MB")


def workers(subject: Subject) -> Iterator[Row]:
    """How much more two workers answer than one, where nothing is kept and so the client costs little."""
    rates = []
    for count in (1, 2):
        with service(subject.folder, cache_size=0, workers=count) as server:
            wrk(server.address, script=subject.script, seconds=1)
            rates.append(wrk(server.address, script=subject.script, seconds=LONG).rate)
    yield ("two workers to one, cold", f"{rates[1] / rates[0]:.2f}", "1.6")


def switch(subject: Subject) -> Iterator[Row]:
    """Whether readers notice that another snapshot is published."""
    with copied(subject) as folder:
        run(folder, "reindex", "--full")
        layout = IndexLayout(folder / "index")
        names = [one.name for one in list_snapshots(layout)]
        for kind, size in (("kept", 10_000), ("cold", 0)):
            with service(folder, cache_size=size) as server, ThreadPoolExecutor() as pool:
                steady = _asked(server, subject, subject.script)
                asked = pool.submit(_asked, server, subject, subject.script)
                for name in (names[1], names[0]):
                    time.sleep(LONG / 3)
                    replace_file(layout.current, f"{name}\n".encode())
                yield _beside(f"two switches of the snapshot, answers {kind}", steady, asked.result())


def writes(subject: Subject) -> Iterator[Row]:
    """What a ``PUT`` takes, and what reads take while many come."""
    text = words_of(subject.view)
    with copied(subject) as folder, service(folder) as server, ThreadPoolExecutor() as pool:
        put = putter(server, text)
        alone = [put() for _ in range(PUTS)]
        yield (f"`PUT` of {WORDS} words, alone, median", f"{1000 * np.median(alone):.1f} ms", "40 ms")
        for kind, script in (("one article", None), ("articles in turn", subject.script)):
            steady = _asked(server, subject, script)
            stop = Event()
            busy = pool.submit(_paced, put, stop)
            during = _asked(server, subject, script)
            stop.set()
            times = busy.result()
            yield _beside(f"{len(times) / LONG:.0f} `PUT` a second, reads of {kind}", steady, during)
            yield ("the same, `PUT` median", f"{1000 * np.median(times):.1f} ms", "40 ms")


def _start(subject: Subject, servers: ExitStack) -> tuple[list[Contender], Server]:
    folder, ids = subject.folder, subject.ids
    hot = servers.enter_context(service(folder))
    cold = servers.enter_context(service(folder, cache_size=0))
    url = f"{hot.address}{path_of(ids[0])}"
    answer = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    bare, fast = (servers.enter_context(yardstick(folder, name, answer.content)) for name in ("bare", "fast"))
    for one in ids:
        httpx.get(f"{hot.address}{path_of(one)}", trust_env=False).raise_for_status()
    contenders = [
        Contender("*bare:* uvicorn, an ASGI app that sends the same bytes", bare.address),
        Contender("*fixed:* a FastAPI route that sends the same bytes", fast.address),
        Contender(_HOT, url),
        Contender(f"hot: {len(ids):,} articles in turn", hot.address, script=subject.script),
        Contender("hot, gzip", url, ("Accept-Encoding: gzip",)),
        Contender("hot, 304", url, (f"If-None-Match: {answer.headers['ETag']}",)),
        Contender("hot, filtered by section", f"{url}?limit=10&section=World"),
        Contender("hot, `max_age`", f"{url}?max_age=P9999D"),
        Contender(
            "kept, but asked for in other words each time",
            hot.address,
            script=write_script(folder / "words.lua", [f"{path_of(ids[0])}?{n}" for n in range(20_000)]),
        ),
        Contender("`/healthz`", f"{hot.address}/healthz"),
        Contender("`/readyz`", f"{hot.address}/readyz"),
        Contender("`GET` of an article", f"{hot.address}{path_of(ids[0]).removesuffix('/related')}"),
        Contender("cold: cache off, articles in turn", cold.address, script=subject.script),
    ]
    vectors = np.asarray(subject.view.segments[0].embeddings, np.float32)
    other = servers.enter_context(txtai(folder, list(subject.view.ids()), vectors))
    if other is not None:
        script = write_script(folder / "txtai.lua", [f"/search?query={quote(one, safe='')}&limit=5" for one in ids])
        contenders.append(Contender(_TXTAI, other.address, script=script))
    return contenders, hot


def _asked(server: Server, subject: Subject, script: Path | None) -> Load:
    """Reads for a while, after some to get warm."""
    url = server.address if script else f"{server.address}{path_of(subject.ids[0])}"
    wrk(url, script=script, seconds=1)
    return wrk(url, script=script, seconds=LONG)


def _beside(name: str, steady: Load, during: Load) -> Row:
    times = during.tail / steady.tail
    measured = f"{during.tail:.1f} ms to {steady.tail:.1f} ms, {times:.1f} times; {during.errors} errors"
    return (f"{name}: p99 to that of before", measured, "2 times, 0 errors")


def putter(server: Server, text: list[str]) -> Callable[[], float]:
    """Puts another text each time, under a few ids; tells the seconds it took."""
    client = httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
    chance = random.Random(7)

    def put() -> float:
        words = chance.sample(text, WORDS)
        started = time.perf_counter()
        body = {"title": " ".join(words[:8]), "text": " ".join(words)}
        client.put(f"/v1/articles/benchmark-{chance.randrange(100)}", json=body).raise_for_status()
        return time.perf_counter() - started

    return put


def _paced(put: Callable[[], float], stop: Event) -> list[float]:
    times: list[float] = []
    due = time.perf_counter()
    while not stop.is_set():
        times.append(put())
        due += 1 / PUTS_A_SECOND
        stop.wait(max(0.0, due - time.perf_counter()))
    return times


def words_of(view: View) -> list[str]:
    """Words of headlines, as many as a text takes."""
    table = view.segments[0].table
    found = " ".join(table.headline(row) for row in range(min(len(table), 1_000))).split()
    return found * (1 + WORDS // len(found))


@contextmanager
def copied(subject: Subject) -> Iterator[Path]:
    """A copy of store and index to write to."""
    with TemporaryDirectory(dir=subject.folder.parent) as name:
        folder = Path(name)
        shutil.copytree(subject.folder / "index", folder / "index")
        for path in subject.folder.glob("recommend.db*"):
            shutil.copy(path, folder)
        yield folder


def path_of(article_id: str) -> str:
    """The path of an article's box."""
    return f"/v1/articles/{quote(article_id, safe='')}/related"


def write_script(path: Path, paths: Iterable[str]) -> Path:
    """A script by which wrk asks for one path after the other."""
    listed = ", ".join(f'"{one}"' for one in paths)
    path.write_text(
        f"local paths = {{{listed}}}\nlocal n = 0\n"
        "request = function() n = n % #paths + 1 return wrk.format('GET', paths[n]) end\n"
    )
    return path


def _tail(milliseconds: float, failed: int) -> str:
    return f"{milliseconds:.1f} ms" + (f", {failed} failed or took over 2 s" if failed else "")


def _table(contenders: list[Contender], measured: list[list[Load]]) -> str:
    failed = np.sum([[load.errors for load in loads] for loads in measured], axis=0)
    rates = np.array([[load.rate for load in loads] for loads in measured])  # (rounds, contenders)
    tails = np.median([[load.tail for load in loads] for loads in measured], axis=0)
    to_bare, to_fixed = (np.median(rates / rates[:, [i]], axis=0) for i in (0, 1))
    rows = [
        [
            one.name,
            f"{np.median(rates[:, i]):,.0f}",
            _tail(tails[i], failed[i]),
            f"{to_bare[i]:.2f}",
            f"{to_fixed[i]:.2f}",
        ]
        for i, one in enumerate(contenders)
    ]
    return report.table(["request", "a second", "99 % within", "to bare", "to fixed"], rows)
