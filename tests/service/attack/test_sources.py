"""Files and sites that are made to hold the nightly job up, fill its memory, or lead it into its own network."""

from __future__ import annotations

import gzip
import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from running import runner

MEMORY = 400, 900  # megabytes of the whole process, whatever it is given, in the short form and in full
PROGRAM = r"""
import re, sys
from pathlib import Path
from recommend.cli import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
GOOD = b'{"id": "good", "title": "Harbour closes"}\n'


def ingested(folder: Path, *options: str) -> tuple[dict[str, int], float, float]:
    """What ``ingest`` of a folder tells, the most memory it had in MB, and its seconds; given up after minutes."""
    command = [sys.executable, "-c", PROGRAM, "--store", f"sqlite:///{folder}.db", "ingest", str(folder), "--json"]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "--no-embed", "--rejects", f"{folder}.rejects", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in {0, 3}, done.stderr
    return orjson.loads(done.stdout), int(done.stderr.split()[-1]) / 1024, time.monotonic() - begun


def comments(folder: Path, size: int) -> None:
    for number in range(size):
        (folder / f"{number}.xml").write_bytes(b"<!--" * 2**15)


def posts_out_of_nothing(folder: Path, size: int) -> None:
    head = b'<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel><item><title>x</title><content>'
    with gzip.open(folder / "export.xml.gz", "wb", compresslevel=9) as file:
        file.write(head)
        for _ in range(size):
            file.write(b"x" * 2**20)


def elements_out_of_nothing(folder: Path, size: int) -> None:
    with gzip.open(folder / "export.xml.gz", "wb", compresslevel=9) as file:
        file.write(b'<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>')
        for _ in range(size):
            file.write(b"<a/>" * 2**18)


def one_text_for_all_rows(folder: Path, size: int) -> None:
    note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1024 * size, np.int32)), pa.array(["x" * 3_200_000]))
    columns = pa.table({"id": pa.array(range(1024 * size)), "title": ["x"] * (1024 * size), "note": note})
    pq.write_table(columns, folder / "a.parquet", compression="zstd", dictionary_pagesize_limit=2**26)


def quotes_that_never_close(folder: Path, size: int) -> None:
    (folder / "a.csv").write_bytes(b"id,title,text\n" + b'x",y,"z\n' * (20_000 * size))


def braces(folder: Path, size: int) -> None:
    with gzip.open(folder / "a.json.gz", "wb") as file:
        file.write(b"[")
        for _ in range(size):
            file.write(b'{"a":' * 2**18)


def categories(folder: Path, size: int) -> None:
    told = "".join(f"<category>{number}</category>" for number in range(4_000 * size))
    (folder / "a.rss").write_text(f"<rss><channel><item><guid>1</guid><title>x</title>{told}</item></channel></rss>")


@pytest.mark.parametrize(
    ("make", "short", "full"),
    [
        (comments, 20, 100),
        (posts_out_of_nothing, 300, 2_000),
        (elements_out_of_nothing, 12, 600),
        (one_text_for_all_rows, 1, 40),
        (quotes_that_never_close, 1, 60),
        (braces, 8, 200),
        (categories, 1, 20),
    ],
)
def test_a_bomb_costs_itself_and_neither_the_run_nor_its_memory(
    make: Callable[[Path, int], None],
    short: int,
    full: int,
    tmp_path: Path,
    sized: Callable[[int, int], int],
    held: Callable[..., None],
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    make(folder, sized(short, full))
    (folder / "good.jsonl").write_bytes(GOOD)
    told, megabytes, seconds = ingested(folder)
    assert told["added"] >= 1
    assert b'"kind":' in Path(f"{folder}.rejects").read_bytes() or make is categories
    assert megabytes < sized(*MEMORY)
    held("B9", make.__name__.replace("_", " "), requests=1, seconds=seconds, peak_mb=megabytes)


class _Inside(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<rss><channel><item><guid>1</guid><title>Secret</title></item></channel></rss>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what it was asked."""
    handler: type[_Inside] = type("Handler", (_Inside,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"])
def test_an_exception_from_the_proxy_is_none_from_the_guard(
    host: str,
    inside: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    held: Callable[..., None],
) -> None:
    url, asked = inside
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    place = url.replace("127.0.0.1", host)
    (tmp_path / "sitemap.xml").write_text(f"<urlset><url><loc>{place}/secret</loc></url></urlset>", encoding="utf-8")
    folder = tmp_path / "files"
    folder.mkdir()
    (tmp_path / "sitemap.xml").rename(folder / "sitemap.xml")
    (folder / "good.jsonl").write_bytes(GOOD)
    begun = time.monotonic()
    ran = runner(monkeypatch, capsys)(
        *("--store", f"sqlite:///{folder}.db", "ingest", folder, "--json", "--no-embed"),
        *("--rejects", f"{folder}.rejects"),
    )
    assert (ran.json["added"], ran.json["quarantined"]) == (1, 1)
    assert asked == []
    held("B5", f"NO_PROXY and {host}", requests=1, seconds=time.monotonic() - begun)
