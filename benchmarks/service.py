"""Answers over HTTP beside the least that an ASGI server can do, all servers up at once, asked in turn by wrk."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks import report
from recommend.store import Store

ROUNDS, SECONDS, CONNECTIONS = 3, 3, 16
CACHED_IDS = 5_000
COMMAND = "import recommend.cli.main; from recommend.cli.app import app; app()"
YARDSTICKS = """
import os
from pathlib import Path
from fastapi import FastAPI, Response
BODY = Path(os.environ["BODY"]).read_bytes()
HEADERS = [(b"content-length", str(len(BODY)).encode()), (b"content-type", b"application/json")]
async def bare(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
fast = FastAPI()
@fast.get("/")
async def fixed() -> Response:
    return Response(BODY, media_type="application/json")
"""
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Contender:
    """One kind of request."""

    name: str
    url: str
    headers: tuple[str, ...] = ()
    script: Path | None = None


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
        with ExitStack() as servers:
            contenders = _start(folder, articles, servers)
            measured = [[_wrk(one) for one in contenders] for _ in range(ROUNDS)]
        parts.append(f"### {name}\n\n{_table(contenders, measured)}")
    about = (
        f"Requests a second at {CONNECTIONS} connections on loopback, one worker each, medians of {ROUNDS} rounds of "
        f"{SECONDS} s in turn; the ratio is the median of each round's own. wrk runs on the same cores, and other work "
        f"may have been running. {report.machine()}"
    )
    report.write("benchmarks.md", "service", "\n\n".join([about, *parts]))


def _start(folder: Path, articles: Path, servers: ExitStack) -> list[Contender]:
    environment = {**os.environ, "RECOMMEND_MODELS": str(report.ROOT / "models")}
    for command in (["ingest", str(articles)], ["reindex"]):
        subprocess.run([sys.executable, "-c", COMMAND, *command], cwd=folder, env=environment, check=True)
    store = Store(f"sqlite:///{folder}/recommend.db")
    changes = store.changes(0, "")
    ids = [change.article_id for change in changes if change.article is not None and change.article.url is not None]
    store.close()
    chosen = np.random.default_rng(7).permutation(ids)[:CACHED_IDS].tolist()
    hot = servers.enter_context(_service(folder, environment, 10_000))
    cold = servers.enter_context(_service(folder, environment, 0))
    path = f"/v1/articles/{chosen[0]}/related"
    answer = httpx.get(f"{hot}{path}", headers={"Accept-Encoding": "identity"}, trust_env=False)
    (folder / "body").write_bytes(answer.content)
    (folder / "yardsticks.py").write_text(YARDSTICKS)
    with_body = {**environment, "BODY": str(folder / "body")}
    bare = servers.enter_context(_yardstick(folder, with_body, "bare"))
    fast = servers.enter_context(_yardstick(folder, with_body, "fast"))
    script = folder / "ids.lua"
    listed = ", ".join(f'"/v1/articles/{one}/related"' for one in chosen)
    script.write_text(
        f"local paths = {{{listed}}}\nlocal n = 0\n"
        "request = function() n = n % #paths + 1 return wrk.format('GET', paths[n]) end\n"
    )
    for one in chosen:
        httpx.get(f"{hot}/v1/articles/{one}/related", trust_env=False).raise_for_status()
    return [
        Contender("*bare:* uvicorn, an ASGI app that sends the same bytes", f"{bare}/"),
        Contender("*fixed:* a FastAPI route that sends the same bytes", f"{fast}/"),
        Contender("hot: one article", f"{hot}{path}"),
        Contender(f"hot: {len(chosen):,} articles in turn", hot, script=script),
        Contender("hot, gzip", f"{hot}{path}", ("Accept-Encoding: gzip",)),
        Contender("hot, 304", f"{hot}{path}", (f"If-None-Match: {answer.headers['ETag']}",)),
        Contender("hot, filtered by section", f"{hot}{path}?limit=10&section=World"),
        Contender("past the cache's short way: `max_age`", f"{hot}{path}?max_age=P9999D"),
        Contender("`/healthz`", f"{hot}/healthz"),
        Contender("cold: cache off, articles in turn", cold, script=script),
    ]


@contextmanager
def _service(folder: Path, environment: dict[str, str], cache_size: int) -> Iterator[str]:
    port = _free_port()
    sized = {**environment, "RECOMMEND_SERVICE__CACHE_SIZE": str(cache_size)}
    with _running([sys.executable, "-c", COMMAND, "serve", "--port", str(port)], folder, sized, port) as address:
        yield address


@contextmanager
def _yardstick(folder: Path, environment: dict[str, str], name: str) -> Iterator[str]:
    port = _free_port()
    options = ["--log-level", "warning", "--no-access-log", "--no-server-header", "--lifespan", "off"]
    command = [sys.executable, "-m", "uvicorn", f"yardsticks:{name}", "--port", str(port), *options]
    with _running(command, folder, environment, port) as address:
        yield address


@contextmanager
def _running(command: list[str], folder: Path, environment: dict[str, str], port: int) -> Iterator[str]:
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while socket.socket().connect_ex(("127.0.0.1", port)):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{' '.join(command)} did not start")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wrk(one: Contender) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in milliseconds."""
    options = [part for header in one.headers for part in ("-H", header)]
    options += ["-s", str(one.script)] if one.script else []
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *options, one.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said and "304" not in one.name:
        sys.exit(f"{one.name}: {said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    assert rate is not None
    assert tail is not None
    return float(rate[1]), float(tail[1]) * _MILLISECONDS[tail[2]]


def _table(contenders: list[Contender], measured: list[list[tuple[float, float]]]) -> str:
    values = np.array(measured)  # (rounds, contenders, 2)
    rates, tails = np.median(values[:, :, 0], axis=0), np.median(values[:, :, 1], axis=0)
    to_bare = np.median(values[:, :, 0] / values[:, :1, 0], axis=0)
    to_fixed = np.median(values[:, :, 0] / values[:, 1:2, 0], axis=0)
    rows = [
        [one.name, f"{rates[i]:,.0f}", f"{tails[i]:.1f} ms", f"{to_bare[i]:.2f}", f"{to_fixed[i]:.2f}"]
        for i, one in enumerate(contenders)
    ]
    return report.table(["request", "a second", "99 % within", "to bare", "to fixed"], rows)
