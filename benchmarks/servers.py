"""Servers to measure, each a process of its own, and wrk to measure them with."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import orjson

from benchmarks import report

CONNECTIONS, SECONDS = 16, 3
KEY = "of the benchmark alone"
COMMAND = "import recommend.cli.main; from recommend.cli.app import app; app()"
ENVIRONMENT = {
    **os.environ,
    "RECOMMEND_MODELS": str(report.ROOT / "models"),
    "RECOMMEND_SERVICE__API_KEYS": f'["{sha256(KEY.encode()).hexdigest()}"]',
}
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
LOOKED_UP = """
import json
from pathlib import Path
import numpy as np
ROWS = {name: row for row, name in enumerate(json.loads(Path("txtai.json").read_text()))}
VECTORS = np.load("txtai.npy")
def vectors(texts):
    return VECTORS[[ROWS[text] for text in texts]]
"""
BUILD = """
import json
from pathlib import Path
from txtai import Embeddings
import txtai.api
index = Embeddings(method="external", transform="lookedup.vectors")
index.index((name, name, None) for name in json.loads(Path("txtai.json").read_text()))
index.save("txtai")
"""
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, the 99th percentile in milliseconds, answers that failed or did not come."""

    rate: float
    tail: float
    errors: int


@dataclass(frozen=True)
class Server:
    """A server that accepts connections."""

    address: str
    process: int


def wrk(url: str, headers: Sequence[str] = (), script: Path | None = None, seconds: int = SECONDS) -> Load:
    """Asks for ``seconds``, on one thread."""
    options = [part for header in headers for part in ("-H", header)]
    options += ["-s", str(script)] if script else []
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *options, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    assert rate is not None
    assert tail is not None
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    cut = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    errors = int(failed[1] if failed else 0) + (sum(map(int, cut.groups())) if cut else 0)
    return Load(float(rate[1]), float(tail[1]) * _MILLISECONDS[tail[2]], errors)


def run(folder: Path, *arguments: str) -> None:
    """One command of the product, on the store and index in a folder."""
    subprocess.run([sys.executable, "-c", COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, check=True)


@contextmanager
def service(folder: Path, *, cache_size: int = 10_000, workers: int = 1) -> Iterator[Server]:
    """The product on the store and index in a folder."""
    environment = {**ENVIRONMENT, "RECOMMEND_SERVICE__CACHE_SIZE": str(cache_size)}
    port = _free_port()
    command = [sys.executable, "-c", COMMAND, "serve", "--port", str(port), "--workers", str(workers)]
    with _running(command, folder, environment, port, "/readyz") as server:
        yield server


@contextmanager
def yardstick(folder: Path, name: str, body: bytes) -> Iterator[Server]:
    """``bare`` or ``fast`` on uvicorn, sending ``body``."""
    (folder / "body").write_bytes(body)
    (folder / "yardsticks.py").write_text(YARDSTICKS)
    environment = {**ENVIRONMENT, "BODY": str(folder / "body")}
    with _uvicorn(f"yardsticks:{name}", folder, environment, "/", "--lifespan", "off") as server:
        yield server


@contextmanager
def txtai(folder: Path, ids: Sequence[str], vectors: np.ndarray) -> Iterator[Server | None]:
    """txtai's own API on vectors (n, d) that it looks up by id and need not make; None where it is not installed."""
    (folder / "txtai.json").write_bytes(orjson.dumps(list(ids)))
    np.save(folder / "txtai.npy", vectors)
    (folder / "lookedup.py").write_text(LOOKED_UP)
    (folder / "txtai.yml").write_text("path: txtai\nembeddings:\n  method: external\n  transform: lookedup.vectors\n")
    path = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = {**ENVIRONMENT, "ALLOW_RESOLVE_TRANSFORM": "1", "CONFIG": "txtai.yml", "PYTHONPATH": path}
    built = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        print(f"without txtai: {built.stderr.splitlines()[-1]}", file=sys.stderr)
        yield None
        return
    with _uvicorn("txtai.api:app", folder, environment, "/count") as server:
        yield server


@contextmanager
def _uvicorn(app: str, folder: Path, environment: Mapping[str, str], ready: str, *more: str) -> Iterator[Server]:
    port = _free_port()
    options = ["--log-level", "warning", "--no-access-log", "--no-server-header", *more]
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), *options]
    with _running(command, folder, environment, port, ready) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], port: int, ready: str
) -> Iterator[Server]:
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            while not _answers(f"{address}{ready}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{' '.join(command)} did not start")
                time.sleep(0.1)
            yield Server(address, process.pid)
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=60).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
