"""Slips of an operator on a bad day: outputs given wrong names, clocks that are off, commands that ought only to look.

Rows P2 (nothing calls home), P3 and P4 (no output overwrites anything that is to be kept), P9 (clocks), P11 (reading
writes nothing) and P13 (the small ones).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url

import recommend.store.store
from recommend.articles.article import Article
from recommend.articles.events import Event
from recommend.cli import console, operating
from recommend.encoder import Encoder
from recommend.errors import StoreError
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import IngestCounts, put_batch
from recommend.jobs.backup import backup
from recommend.jobs.doctor import examine
from recommend.jobs.status import read_status
from recommend.settings import Settings
from recommend.store import Store, database
from recommend.store.keys import Scope
from running import Ran, Recommend, runner

if TYPE_CHECKING:
    from conftest import Server

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "examples" / "corpus" / "articles.jsonl"
STEERING = "\x9b31m\u202e"
SHOWN = r"\x9b31m\u202e"


@pytest.fixture
def cli(copied: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Recommend:
    """Runs the command on a copy of the indexed sample corpus."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("STORE", copied.store), ("INDEX", copied.index), ("MODELS", copied.models)):
        monkeypatch.setenv(f"RECOMMEND_{name}", str(value))

    return runner(monkeypatch, capsys)


def spawn(settings: Settings, *arguments: str, shell: str = '"$@"', **environment: str) -> Ran:
    """Runs the command in a process of its own, by a shell's command line in which it is ``"$@"``."""
    given = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RECOMMEND_STORE": settings.store,
        "RECOMMEND_INDEX": str(settings.index),
        "RECOMMEND_MODELS": str(settings.models),
        **environment,
    }
    line = [sys.executable, "-c", "from recommend.cli import main; main()", *arguments]
    done = subprocess.run(["sh", "-c", shell, "sh", *line], env=given, capture_output=True, timeout=300, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def store_of(settings: Settings) -> Path:
    return Path(str(make_url(settings.store).database))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file in a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


# P2: nothing calls home

_CALLS = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,connect"
_WRITTEN = re.compile(
    r'(?:openat|open|creat)\(.*"(?P<path>[^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)|mkdir(?:at)?\(.*"(?P<made>[^"]+)"'
)
_PEER = re.compile(r'connect\(.*sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')
STORE_WRITES = tuple(f"recommend.db{end}" for end in ("", "-wal", "-shm", "-journal", ".takedowns-*"))
INDEX_WRITES = ("index", "index/*")
READ_STORE = STORE_WRITES[:3]  # opened so that SQLite removes what it lays beside it; no byte changes, as P11 shows
INGEST = (["ingest", "articles.jsonl"], (*STORE_WRITES, ".rejects.part.jsonl"))
REINDEX = (["reindex"], (*STORE_WRITES, *INDEX_WRITES))
JUDGED = ["--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
EVALUATE = ["evaluate", *JUDGED, "--run-out", "run.txt", "--report", "r.html"]
TRACED: list[tuple[list[str], tuple[str, ...]]] = [  # in short, the first alone
    (EVALUATE, (".run.part.txt", "run.txt.json.*", "r.html.*")),
    INGEST,
    REINDEX,
    (["related", "--text", "draft.txt"], READ_STORE),
    (["links", "--text", "draft.txt"], READ_STORE),
    (["train", "ranker", *JUDGED, "--out", "ranker.json", "--force"], ("ranker.json.*", "ranker.md.*")),
    (["export", "--out", "boxes.jsonl"], (*READ_STORE, ".boxes.jsonl.parts*", ".boxes.part.jsonl")),
    (["backup", "--out", "copy.db"], (*READ_STORE, ".copy.part.db*")),
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
    (tmp_path / "articles.jsonl").write_bytes(b"\n".join(SOURCE.read_bytes().splitlines()[:30]))
    for arguments, allowed in (INGEST, REINDEX):
        traced(arguments, tmp_path / "job.trace").communicate(timeout=300)
        assert outside(tmp_path / "job.trace", tmp_path, allowed) == []
    created = traced(["keys", "create", "desk", "--scope", "write"], tmp_path / "keys.trace")
    secret = created.communicate(timeout=300)[0].decode().strip()
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


# P3, P4: no output overwrites an input, a store or a snapshot

_EVALUATE = ["evaluate", "--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
_TRAIN = ["--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
OUTPUTS: dict[str, list[str]] = {
    "rejects": ["ingest", "articles.jsonl", "--rejects"],
    "export": ["export", "--out"],
    "backup": ["backup", "--out"],
    "run": [*_EVALUATE, "--run-out"],
    "report": [*_EVALUATE, "--report"],
    "events": ["events", "export", "--out"],
    "clicks": ["events", "qrels", "--out"],
    "ranker": ["train", "ranker", *_TRAIN, "--out"],
    "adapter": ["train", "adapter", *_TRAIN, "--hold-out", "2026-01-01", "--out"],
    "encoder": ["train", "encoder", *_TRAIN, "--hold-out", "2026-01-01", "--out"],
}
READS_FILES = {"rejects", "run", "report", "ranker", "adapter", "encoder"}


def targets(settings: Settings, folder: Path) -> dict[str, Path]:
    """Files that are to be kept, by what a message must say of them."""
    file = store_of(settings)
    name = current_name(IndexLayout(settings.index)) or ""
    link, hard = folder / "link.jsonl", folder / "hard.jsonl"
    link.symlink_to(file)
    os.link(file, hard)
    return {
        "the store": file,
        "the store (link)": link,
        "the store (hard link)": hard,
        "the store (log)": file.with_name(f"{file.name}-wal"),
        "the store (shared memory)": file.with_name(f"{file.name}-shm"),
        "the index": settings.index / "snapshots" / name / "articles.arrow",
        "the index (new)": settings.index / "boxes.jsonl",
        "the index (folder)": settings.index,
    }


def inputs(folder: Path) -> None:
    (folder / "articles.jsonl").write_bytes(b"\n".join([*SOURCE.read_bytes().splitlines()[:20], b"{}"]))
    (folder / "qrels.tsv").write_text("a\t0\tb\t1\n")


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_output_takes_the_place_of_the_store_the_index_or_an_input(
    cli: Recommend, copied: Settings, tmp_path: Path, output: str, held: Callable[..., None]
) -> None:
    inputs(tmp_path)
    kept = targets(copied, tmp_path)
    if output in READS_FILES:
        kept["an input"] = tmp_path / "articles.jsonl"
        kept["an input (link)"] = tmp_path / "again.jsonl"
        kept["an input (link)"].symlink_to(tmp_path / "articles.jsonl")
    before = tree(tmp_path)
    for words, target in kept.items():
        for force in ([], ["--force"]):
            ran = cli(*OUTPUTS[output], target, *force)
            assert ran.code == 1, words
            assert words.partition(" (")[0] in ran.err
            assert "give another name" in ran.err
    assert tree(tmp_path) == before
    held("P3, P4", f"{output}: {2 * len(kept)} wrong names", requests=2 * len(kept))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_file_of_another_kind_is_replaced_only_by_force(cli: Recommend, tmp_path: Path, output: str) -> None:
    inputs(tmp_path)
    for name, content in (("thesis.jsonl", b"Chapter one\n"), ("source.jsonl", SOURCE.read_bytes()), ("x.db", SQLITE)):
        target = tmp_path / name
        target.write_bytes(content)
        ran = cli(*OUTPUTS[output], target)
        assert ran.code == 1
        assert name in ran.err
        assert target.read_bytes() == content


_CLICK = Event(kind="click", article_id="a", item_id="b", position=1)
SQLITE = b"SQLite format 3\0\x10\0\2\2" + bytes(80)


@pytest.mark.parametrize("output", ["rejects", "export", "backup", "events"])
def test_what_an_output_wrote_it_replaces_and_anything_else_by_force(
    cli: Recommend, copied: Settings, tmp_path: Path, output: str
) -> None:
    inputs(tmp_path)
    (tmp_path / "articles.jsonl").write_bytes(b"{}\n")
    link = tmp_path / "linked.jsonl"
    link.symlink_to(tmp_path / "out.jsonl")
    with closing(Store(copied.store)) as store:
        store.events.add([_CLICK])
    for target in (tmp_path / "out.jsonl", tmp_path / "out.jsonl", link):
        assert cli(*OUTPUTS[output], target).code in {0, 3}
    assert link.is_symlink()
    first = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "out.jsonl").write_bytes(b"Chapter one\n")
    assert cli(*OUTPUTS[output], tmp_path / "out.jsonl", "--force").code in {0, 3}
    assert len((tmp_path / "out.jsonl").read_bytes()) == len(first)
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_device_is_written_to_and_stays_one(cli: Recommend, tmp_path: Path) -> None:
    device, full = tmp_path / "null", tmp_path / "full"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(full, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root makes devices")
    (tmp_path / "bad.jsonl").write_bytes(b"{}\n")
    assert cli("ingest", "bad.jsonl", "--rejects", device).code == 3
    assert stat.S_ISCHR(device.stat().st_mode)
    ran = cli("ingest", "bad.jsonl", "--rejects", full)
    assert (ran.code, "full" in ran.err, "No space left on device" in ran.err) == (1, True, True)
    assert stat.S_ISCHR(full.stat().st_mode)


def test_a_folder_to_work_in_is_not_that_of_the_live_store_and_index(
    cli: Recommend, copied: Settings, tmp_path: Path
) -> None:
    inputs(tmp_path)
    before = tree(tmp_path)
    for arguments in ([*_EVALUATE, "--scratch", "."], ["demo", "--folder", "."]):
        ran = cli(*arguments)
        assert ran.code == 1
        assert "give another folder" in ran.err
    assert tree(tmp_path) == before


# P9: clocks


def _date(settings: Settings, hours: float) -> None:
    """Dates snapshot and last job so many hours from now."""
    layout = IndexLayout(settings.index)
    manifest = layout.snapshot(current_name(layout) or "").manifest
    moment = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    manifest.write_bytes(orjson.dumps({**orjson.loads(manifest.read_bytes()), "created_at": moment}))
    job = {"started": moment, "finished": moment, "outcome": "done", "snapshot": manifest.parent.name}
    layout.last_run.write_bytes(orjson.dumps({**job, "succeeded": moment}))


def test_a_job_of_the_future_is_named_and_no_age_is_negative(
    cli: Recommend, copied: Settings, held: Callable[..., None]
) -> None:
    _date(copied, 23)
    with closing(Store(copied.store)) as store:
        found = read_status(store, copied)
    assert (found.staleness, found.snapshot_age) == (None, 0.0)
    assert 82_000 < found.ahead < 83_000
    ran = cli("status", "--max-staleness", 10**9)
    assert (ran.code, "23.0 hours in the future" in ran.out) == (1, True)
    assert "dated 23.0 hours in the future" in cli("snapshots").out
    assert [finding.check for finding in examine(copied)] == ["clock"]
    assert cli("reindex", "--full").code == 0
    assert cli("status", "--max-staleness", 600).code == 0
    held("P9", "a job that ran a day ahead")


def test_clocks_that_are_seconds_apart_are_no_matter(copied: Settings) -> None:
    _date(copied, 20 / 3600)
    with closing(Store(copied.store)) as store:
        found = read_status(store, copied)
    assert (found.ahead, found.staleness, found.snapshot_age) == (0.0, 0.0, 0.0)


def test_a_rate_limit_does_not_outlast_a_clock_that_is_set_right(
    copied: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch, held: Callable[..., None]
) -> None:
    service = copied.service.model_copy(update={"rate_limit": "2/minute"})
    real = time.time
    with serve(copied.model_copy(update={"service": service})) as running:
        monkeypatch.setattr(time, "time", lambda: real() + 86_400)
        codes = [running.reader.get("/v1/status").status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        monkeypatch.setattr(time, "time", real)
        codes = [running.reader.get("/v1/status") for _ in range(3)]
        assert [answer.status_code for answer in codes] == [200, 200, 429]
        assert int(codes[-1].headers["Retry-After"]) <= 60
    held("P9", "a rate limit begun a day ahead")


# P11: reading writes nothing

READING: list[list[str]] = [
    ["doctor"],
    ["status"],
    ["snapshots"],
    ["related", "a-central-asia-condemns-drone-attack"],
    ["keys", "list"],
    ["links", "a-central-asia-condemns-drone-attack"],
    ["exposure"],
    ["rules", "show"],
    ["reindex", "--dry-run"],
]


def _older(url: str) -> None:
    """Makes a store of the schema before the present one."""
    config = Config()
    config.set_main_option("script_location", str(Path(recommend.store.__file__).parent / "migrations"))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()


def test_what_only_reads_leaves_no_trace(
    cli: Recommend, copied: Settings, tmp_path: Path, held: Callable[..., None]
) -> None:
    before = tree(tmp_path)
    for arguments in READING:
        assert cli(*arguments).code == 0, arguments
        assert tree(tmp_path) == before, arguments
    held("P11", f"{len(READING)} commands that read")


def test_what_only_reads_leaves_a_log_that_is_not_its_own_as_it_is(copied: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "killed.db"
    with closing(Store(copied.store)) as store:
        store.keys.create("desk", [Scope.READ])
        for end in ("", "-wal"):
            shutil.copyfile(f"{store_of(copied)}{end}", f"{copy}{end}")  # as after a kill
    before = tree(tmp_path)
    with closing(Store(f"sqlite:///{copy}", readonly=True)) as store:
        assert [key.name for key in store.keys.all()] == ["desk"]
        with pytest.raises(StoreError, match="was not written"):
            store.delete("anything")
    after = tree(tmp_path)
    after.pop("killed.db-shm", None)
    assert after == before


@pytest.mark.databases
def test_an_older_store_is_told_of_and_not_migrated(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path, models: Path, held: Callable[..., None]
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if dialect == "postgresql":
        url = request.getfixturevalue("postgresql").create()
    _older(url)
    settings = Settings(store=url, index=tmp_path / "index", models=models)
    before = tree(tmp_path)
    for arguments in (["doctor"], ["status"], ["related", "x"], ["keys", "list"], ["reindex", "--dry-run"]):
        ran = spawn(settings, *arguments)
        assert (ran.code, "older than" in ran.out + ran.err) == (1, True), ran
    assert tree(tmp_path) == before
    if dialect == "sqlite":
        assert spawn(settings, "backup", "--out", str(tmp_path / "copy.db")).code == 0
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
    Store(url).close()
    with closing(Store(url, readonly=True)) as store:
        assert store.counts()["published"] == 0
    held("P11", f"an older store, {dialect}")


def test_a_store_that_does_not_exist_is_not_begun_by_looking(tmp_path: Path, models: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path / 'none.db'}", index=tmp_path / "index", models=models)
    for arguments in (["doctor"], ["status"], ["related", "x"], ["keys", "list"], ["backup", "--out", "x.db"]):
        ran = spawn(settings, *arguments)
        assert (ran.code, "does not exist" in ran.out + ran.err) == (1, True), ran
    assert tree(tmp_path) == {}
    assert not settings.index.exists()


def test_a_read_only_disk_is_read(copied: Settings, tmp_path: Path) -> None:
    mounted = 'mount --bind "$FOLDER" "$FOLDER" && mount -o remount,bind,ro "$FOLDER" && "$@"'
    shell = f"unshare -m sh -c '{mounted}' sh \"$@\""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root mounts")
    before = tree(tmp_path)
    for arguments in (["status"], ["related", "a-central-asia-condemns-drone-attack"], ["doctor"]):
        ran = spawn(copied, *arguments, shell=shell, FOLDER=str(tmp_path))
        assert ran.code == 0, ran
    assert tree(tmp_path) == before


def test_a_question_mark_in_a_store_url_names_no_other_file(tmp_path: Path) -> None:
    for readonly in (False, True):
        with pytest.raises(StoreError, match=r"no '\?' in a file's name"):
            Store(f"sqlite:///{tmp_path}/what?.db", readonly=readonly)
    assert tree(tmp_path) == {}


# P13: the small ones


@pytest.mark.databases
def test_two_ingests_of_one_file_count_each_article_once(
    store: Store, settings: Settings, toy_encoder: Encoder, stories: list[Article], held: Callable[..., None]
) -> None:
    met = threading.Barrier(2)

    class Meeting:
        """Embeds when both have looked at what is stored."""

        fingerprint, dimension, max_tokens, language = "toy", 48, 128, None

        def encode(self, texts: Sequence[str]) -> Any:
            met.wait(30)
            return toy_encoder.encode(texts)

    counts: list[IngestCounts] = []

    def run() -> None:
        with closing(Store(settings.store)) as own:
            batch = {story.id: story for story in stories}
            counts.append(IngestCounts.of(put_batch(own, Meeting(), batch).values()))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((count.added, count.unchanged) for count in counts) == [(0, 60), (60, 0)]
    held("P13", "two ingests of one file")


def test_nothing_that_steers_a_terminal_reaches_it(cli: Recommend, copied: Settings, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(
        orjson.dumps({"id": f"a{STEERING}", "title": f"Drone {STEERING} attack", "text": "Drones attacked."})
    )
    assert cli("ingest", "one.jsonl").code in {0, 3}
    for arguments in (
        ["related", "a-central-asia-condemns-drone-attack", "-k", "300"],
        ["related", f"b{STEERING}"],
        ["ingest", f"c{STEERING}.jsonl"],
        ["--config", f"d{STEERING}", "status"],
        ["--store", f"sqlite:///e{STEERING}/x.db", "status"],
        ["export", "--out", f"f{STEERING}.jsonl"],
    ):
        ran = cli(*arguments)
        assert not set(STEERING) & {"\x9b", "\u202e"} & set(ran.out + ran.err), arguments


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_locale_without_our_letters_ends_nothing(copied: Settings, locale: dict[str, str]) -> None:
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **locale}
    for arguments in (["related", "a-central-asia-condemns-drone-attack"], ["status"]):
        assert spawn(copied, *arguments, **plain).code == 0
    assert spawn(copied, "related", "unbekannt-ü", **plain).code == 1


def test_closed_standard_streams_are_an_error_and_no_store_takes_their_place(copied: Settings) -> None:
    for arguments in (["ingest", "-"], ["related", "--text", "-"]):
        ran = spawn(copied, *arguments, shell='"$@" <&-')
        assert (ran.code, "cannot be read" in ran.err) == (1, True)
    assert spawn(copied, "status", shell='"$@" >&-').code == 1
    assert spawn(copied, "status", shell='"$@" 2>&-').code == 0


@pytest.mark.parametrize("shell", ['"$@" >/dev/full', '"$@" >&-', '{ sleep 1; "$@"; } | true'])
def test_a_secret_that_nobody_got_makes_no_key(copied: Settings, shell: str) -> None:
    shell = f"set -o pipefail 2>/dev/null; {shell}"
    spawn(copied, "keys", "create", "desk", "--scope", "read", shell=shell)
    assert spawn(copied, "keys", "list").out == ""
    assert spawn(copied, "keys", "create", "desk", "--scope", "read").out.startswith("ra_")


def test_what_holds_texts_or_keys_is_for_its_owner_alone(tmp_path: Path, stories: list[Article]) -> None:
    before = os.umask(0o022)
    try:
        with closing(Store(f"sqlite:///{tmp_path / 'new.db'}")) as store:
            store.put([(stories[0], None)], "toy")
            backup(store, tmp_path / "copy.db")
            modes = {path.name.partition("takedowns")[0]: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert {"new.db", "new.db-wal", "new.db.", "copy.db"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_progress_past_its_total_is_no_share_of_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(console, "_PLAIN_SECONDS", 0.0)
    with console.meter("embedding", 10.0) as bar:
        bar.advance(5)
        bar.advance(300)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("embedding: 50%, 5 ")
    assert second.startswith("embedding: 305 ")


def test_an_error_without_a_name_says_where_to_look(cli: Recommend, monkeypatch: pytest.MonkeyPatch) -> None:
    for raised, words in (
        (OSError(28, "No space left on device"), "look at the disks"),
        (MemoryError(), "not enough memory"),
    ):
        monkeypatch.setattr(operating, "list_snapshots", _raising(raised))
        ran = cli("snapshots")
        assert (ran.code, words in ran.err, "Traceback" in ran.err) == (1, True, False)


def _raising(problem: BaseException) -> Callable[..., Any]:
    def raise_it(*_: object) -> Any:
        raise problem

    return raise_it


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "the store's URL must name the primary"),
        ("ALTER ROLE slip SET statement_timeout = 1", "raise it for the store's user"),
        ("REVOKE INSERT ON keys FROM slip", "its user needs SELECT, INSERT, UPDATE and DELETE"),
    ],
)
def test_what_postgresql_refuses_is_told_with_its_remedy(
    dialect: str, settings: Settings, postgresql: Server, statement: str, words: str, held: Callable[..., None]
) -> None:
    name = make_url(settings.store).database
    postgresql.sql("CREATE ROLE slip LOGIN")
    try:
        postgresql.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO slip", name)
        postgresql.sql(statement.format(name=name), name)
        url = settings.store.replace("postgres@", "slip@")
        with pytest.raises(StoreError, match=words), closing(Store(url)) as store:  # noqa: PT012 - any may be refused
            store.keys.create("desk", [Scope.READ])
            with database.reading(store.engine) as connection:
                connection.exec_driver_sql("SELECT pg_sleep(1)")
    finally:
        postgresql.sql(f"ALTER DATABASE {name} RESET ALL")
        postgresql.sql("DROP OWNED BY slip CASCADE", name)
        postgresql.sql("DROP ROLE slip")
    held("P13", f"PostgreSQL: {words}")


@pytest.mark.databases("postgresql")
def test_a_lock_that_is_held_for_ever_is_not_waited_for(
    dialect: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 200)
    url = settings.store
    with closing(Store(url)) as one, closing(Store(url)) as other, database.writing(one.engine) as connection:
        connection.exec_driver_sql("LOCK TABLE keys IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="another transaction held it"):
            other.keys.create("desk", [Scope.READ])
