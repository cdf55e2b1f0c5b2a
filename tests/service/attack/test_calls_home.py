"""Nothing calls home: what commands and the service look up and write (row P2)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import httpx
import orjson
import pytest

from recommend.store import Store
from recommend.store.keys import Scope

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "examples" / "corpus" / "articles.jsonl"

_CALLS = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,connect"
_WRITTEN = re.compile(
    r'(?:openat|open|creat)\(.*"(?P<path>[^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)|mkdir(?:at)?\(.*"(?P<made>[^"]+)"'
)
_PEER = re.compile(r'connect\(.*sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')
STORE_WRITES = tuple(f"recommend.db{end}" for end in ("", "-wal", "-shm", "-journal", ".takedowns-*"))
INDEX_WRITES = ("index", "index/*")
READ_STORE = STORE_WRITES[:3]  # opened so that SQLite removes what it lays beside it; no byte changes, as P11 shows
INGEST = (["ingest", "articles.jsonl"], (*STORE_WRITES, ".rejects.*.part.jsonl"))
REINDEX = (["reindex"], (*STORE_WRITES, *INDEX_WRITES))
JUDGED = ["--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
EVALUATE = ["evaluate", *JUDGED, "--run-out", "run.txt", "--report", "r.html"]
TRACED: list[tuple[list[str], tuple[str, ...]]] = [  # in short, the first alone
    (EVALUATE, (".run.*.part.txt", "run.txt.json.*", "r.html.*")),
    INGEST,
    REINDEX,
    (["related", "--text", "draft.txt"], READ_STORE),
    (["links", "--text", "draft.txt"], READ_STORE),
    (["train", "ranker", *JUDGED, "--out", "ranker.json", "--force"], ("ranker.json.*", "ranker.md.*")),
    (["export", "--out", "boxes.jsonl"], (*READ_STORE, ".boxes.jsonl.parts*", ".boxes.*.part.jsonl")),
    (["backup", "--out", "copy.db"], (*READ_STORE, ".copy.*.part.db*")),
    (["status"], (*READ_STORE, "index/.lock")),
    (["doctor"], (*READ_STORE, "index/.lock")),
]


@pytest.fixture
def traced(tmp_path: Path, models: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Runs commands in a folder of their own, without a home, and gives what they looked up and wrote."""
    tracer = shutil.which("strace")
    if tracer is None or subprocess.run([tracer, "-f", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is absent or may not trace: apt-get install strace")
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "HF_", "RAY_"))},
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RECOMMEND_MODELS": str(models),
    }
    environment.pop("XDG_CACHE_HOME", None)

    def begin(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-c", "from recommend.cli import main; main()", *arguments]
        trace = [tracer, "-f", "--seccomp-bpf", "-qq", "-s", "512", "-e", f"trace={_CALLS}", "-o", str(log)]
        return subprocess.Popen([*trace, *line], cwd=tmp_path, env=environment, stdout=subprocess.PIPE)

    yield begin
    assert list((tmp_path / "home").iterdir()) == []


def outside(log: Path, folder: Path, allowed: Sequence[str]) -> list[str]:
    """The addresses that were asked, this machine's apart, and the files that were written but not among those
    allowed."""
    found = set()
    for line in log.read_text(errors="replace").splitlines():
        if peer := _PEER.search(line):
            if peer[2] not in {"127.0.0.1", "::1"}:
                found.add(f"{peer[2]} port {peer[1]}")
        elif (written := _WRITTEN.search(line)) and "= -1" not in line:
            path = os.path.normpath(folder / (written["path"] or written["made"]))
            if "coverage" in sys.modules and (".coverage." in path or path == str(Path.cwd())):  # of this test run
                continue
            inside = path.startswith(f"{folder}/")
            name = path.removeprefix(f"{folder}/")
            device = path.startswith(("/dev/", "/proc/"))
            if not device and not (inside and any(fnmatch(name, pattern) for pattern in ("tmp/*", *allowed))):
                found.add(path)
    return sorted(found)


def test_no_command_looks_anything_up_or_writes_outside_what_it_names(
    traced: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
    sized: Callable[[int, int], int],
    held: Callable[..., None],
) -> None:
    lines = SOURCE.read_bytes().splitlines()[:30]
    (tmp_path / "articles.jsonl").write_bytes(b"\n".join([*lines, b"{}"]))
    ids = [orjson.loads(line)["id"] for line in lines]
    (tmp_path / "qrels.tsv").write_text(
        "".join(f"{a}\t0\t{b}\t{n % 2}\n" for a in ids for n, b in enumerate(ids) if a != b)
    )
    (tmp_path / "draft.txt").write_text("Drones over the residence\nThey were seen there.\n")
    begun = time.monotonic()
    for number, (arguments, allowed) in enumerate(TRACED[: sized(1, len(TRACED))]):
        log = tmp_path / f"{number}.trace"
        process = traced(arguments, log)
        process.communicate(timeout=300)
        assert process.returncode in {0, 3}, arguments
        assert outside(log, tmp_path, allowed) == [], arguments
    held("P2", f"{number + 1} commands traced", seconds=time.monotonic() - begun)


def test_the_service_looks_nothing_up_and_writes_the_store_alone(
    traced: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, free_port: int, held: Callable[..., None]
) -> None:
    (tmp_path / "articles.jsonl").write_bytes(b"\n".join(SOURCE.read_bytes().splitlines()[:12]))
    for arguments, allowed in (INGEST, REINDEX):
        traced(arguments, tmp_path / "job.trace").communicate(timeout=300)
        assert outside(tmp_path / "job.trace", tmp_path, allowed) == []
    with closing(Store(f"sqlite:///{tmp_path / 'recommend.db'}")) as store:
        secret = store.keys.create("desk", [Scope.WRITE])
    log = tmp_path / "serve.trace"
    process = traced(["serve", "--workers", "2", "--port", str(free_port)], log)
    try:
        deadline = time.monotonic() + 120
        with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", trust_env=False, timeout=60) as client:
            while True:
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
            body = {"title": "Storm over the coast", "text": "Winds reached the harbour."}
            put = client.put("/v1/articles/storm", json=body, headers={"Authorization": f"Bearer {secret}"})
            assert put.status_code == 201
            assert client.get("/v1/articles/storm/related").status_code == 200
    finally:
        (served,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(served), 15)
        process.communicate(timeout=60)
    allowed = (*STORE_WRITES, "index/.lock")
    assert outside(log, tmp_path, allowed) == []
    held("P2", "ingest, reindex, serve with two workers and a PUT traced")


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_who_sets_a_switch_by_name_means_it() -> None:
    script = "import os, recommend; print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['RAY_USAGE_STATS_ENABLED'])"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment.pop("RAY_USAGE_STATS_ENABLED", None)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
