"""Files of which one row in ten is broken: every good row goes in, every bad one is set aside with its reason.

``ROWS=1000000`` is the full form; ``-s`` shows rows a second and the most memory that was used.
"""

from __future__ import annotations

import csv
import io
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommend.settings import Settings

ROWS = int(os.environ.get("ROWS", "1500"))
MEMORY = 700  # megabytes, whatever the number of rows

Row = dict[str, Any]
Cells = Callable[[Row], Row]
Line = Callable[[Row], bytes]


def dumped(row: object) -> bytes:
    return orjson.dumps(row)


def without(name: str) -> Cells:
    return lambda row: {key: value for key, value in row.items() if key != name}


def holding(name: str, value: Any) -> Cells:
    return lambda row: {**row, name: value}


# what is wrong with a cell, in any format: the field it is found in, and a part of the reason
CELLS: dict[str, tuple[Cells, str | None, str]] = {
    "no id": (without("id"), "id", "is missing"),
    "empty id": (holding("id", ""), "id", "is missing"),
    "blank id": (holding("id", "   "), "id", "is blank"),
    "long id": (holding("id", "x" * 513), "id", "has 513 characters"),
    "tab in id": (holding("id", "a\tb"), "id", "control character"),
    "no title": (without("title"), "title", "is missing"),
    "empty title": (holding("title", ""), "title", "is missing"),
    "title of markup only": (holding("title", "<p> &nbsp;</p>"), "title", "is missing or empty"),
    "long title": (holding("title", "x " * 2501), "title", "has 5002 characters"),
    "word as date": (holding("published_at", "yesterday"), "published_at", "ISO 8601"),
    "month 13": (holding("updated_at", "2024-13-45"), "updated_at", "ISO 8601"),
    "sentence as language": (holding("language", "in English!"), "language", "BCP 47"),
    "script as URL": (holding("url", "javascript:alert(1)"), "url", "is neither an http(s) URL"),
    "half an address": (holding("image_url", "http://[::1"), "image_url", "is not a valid URL"),
    "unknown status": (holding("status", "archived"), "status", "is not one of published, draft"),
    "extra in prose": (holding("extra", "{not json"), "extra", ""),
}
# what only JSON can say
JSON: dict[str, tuple[Line, str | None, str]] = {
    "id of a list": (lambda r: dumped({**r, "id": [1]}), "id", "is not a string"),
    "id of a boolean": (lambda r: dumped({**r, "id": True}), "id", "is not a string"),
    "title of an object": (lambda r: dumped({**r, "title": {"de": "x"}}), "title", "is not a string"),
    "text of a list": (lambda r: dumped({**r, "text": ["x"]}), "text", "is not a string"),
    "tags of a number": (lambda r: dumped({**r, "tags": 7}), "tags", "is neither a list of strings"),
    "half a surrogate pair": (lambda r: dumped(r)[:-1] + b',"summary":"\\ud800"}', None, "is not JSON"),
    "line cut short": (lambda r: dumped(r)[:-7], None, "is not JSON"),
    "two rows on a line": (lambda r: dumped(r) * 2, None, "is not JSON"),
    "single quotes": (lambda r: str(r).encode(), None, "is not JSON"),
    "not a number": (lambda r: dumped(r)[:-1] + b',"score":NaN}', None, "is not JSON"),
    "Latin-1": (lambda r: dumped(r)[:-1] + b',"section":"Caf\xe9"}', None, "is not valid UTF-8"),
    "UTF-16": (lambda r: dumped(r)[:20].decode().encode("utf-16-le"), None, "is not JSON"),
    "a list": (lambda r: dumped([*r.values()]), None, "is not an object"),
    "a string": (lambda r: b'"story"', None, "is not an object"),
    "null": (lambda r: b"null", None, "is not an object"),
    "deep nesting": (lambda r: dumped(r)[:-1] + b',"x":' + b"[" * 3000 + b"]" * 3000 + b"}", None, ""),
}
BIG: dict[str, tuple[Line, str | None, str]] = {  # rare: a file of them would fill the disk
    "long text": (lambda r: dumped({**r, "text": "x " * 500_001}), "text", "has 1000002 characters"),
    "long line": (lambda r: dumped({**r, "x": "x" * (16 * 2**20)}), None, "more than 16,777,216"),
}
# what only a table in text can get wrong
CSV: dict[str, tuple[Callable[[bytes], bytes], str | None, str]] = {
    "a cell too few": (lambda line: line.rsplit(b",", 1)[0], None, "does not fit the header"),
    "cells too many": (lambda line: line + b",more,more", None, "does not fit the header"),
    "text behind a quote": (lambda line: b'"x"y' + line, None, "is not a CSV row"),
    "Latin-1 in a table": (lambda line: line + b"\xe9", "section", "is not valid UTF-8"),
    "NUL in a table": (lambda line: line + b"\x00", "section", "contains a NUL byte"),
    "an open quote": (lambda line: b'"' + line, None, ""),
}
# what costs a field and no article: in any format, and in JSON
LEFT_OUT = {"month 13", "sentence as language", "script as URL", "half an address", "extra in prose", "text of a list",
            "tags of a number"}  # fmt: skip
# odd, and yet articles
ODD: list[Cells] = [
    holding("text", "<div>" * 3000 + "deep" + "</div>" * 3000),
    holding("text", "<p>" * 20_000),
    holding("expires_at", "2001-01-01"),
    holding("published_at", "2033-01-01T00:00:00Z"),
    holding("status", "draft"),
    holding("title", "😀 <b>Bold</b> &amp; ﬀ"),
    lambda row: {**row, "url": f"/rooted/{row['id']}?utm_source=x"},
    holding("surprise", "an unknown field"),
    lambda row: {**row, "url": f"https://news.example/a {row['id']}"},
    holding("expires_at", "0001-01-01T00:00:00+14:00"),
    holding("published_at", "1700000000"),
]
COLUMNS = ("id", "title", "text", "summary", "url", "image_url", "published_at", "updated_at", "expires_at",
           "language", "status", "extra", "surprise", "section")  # fmt: skip


@dataclass
class Dirt:
    """Makes rows, and remembers what must become of each.

    Attributes:
        good: ids of the rows that are articles.
        bad: by line, field and part of the reason of the rows that are none, and what is wrong with them.
        repeated: how many rows have the id of another.
        warned: the same of those that are articles without that field.
    """

    chance: random.Random = field(default_factory=lambda: random.Random(11))
    good: set[str] = field(default_factory=set)
    bad: dict[int, tuple[str | None, str, str]] = field(default_factory=dict)
    warned: dict[int, tuple[str | None, str, str]] = field(default_factory=dict)
    repeated: int = 0

    def rows(self, count: int, ways: list[str]) -> Iterator[tuple[int, Row, str | None]]:
        """Number from 1, row, and how it is to be broken, None for the nine in ten that are not."""
        words = ["storm", "coast", "harbour", "minister", "budget", "election", "river", "bridge", "court", "museum"]
        odd, broken = cycle(ODD), cycle(ways)
        for number in range(1, count + 1):
            text = " ".join(self.chance.choices(words, k=60))
            row: Row = {"id": f"row-{number}", "title": f"{text[:40]} {number}", "text": text, "section": "World"}
            if number % 10 == 5:
                way = next(broken)
                if way in LEFT_OUT:
                    self.good.add(row["id"])
                yield number, row, way
                continue
            if number % 97 == 0:  # known already: the later wins
                row["id"] = f"row-{number - 11}" if f"row-{number - 11}" in self.good else row["id"]
                self.repeated += row["id"] != f"row-{number}"
            if number % 211 == 0:
                row = next(odd)(row)
            self.good.add(row["id"])
            yield number, row, None

    def expect(self, line: int, field: str | None, reason: str, way: str) -> None:
        """The row of this line is to be rejected, or its field to be left out."""
        (self.warned if way in LEFT_OUT else self.bad)[line] = (field, reason, way)


def write_jsonl(file: Path, count: int, dirt: Dirt) -> None:
    with file.open("wb") as out:
        line = 0
        big = list(BIG)
        for number, row, way in dirt.rows(count, [*CELLS, *JSON]):
            line += 1
            if way is None:
                out.write(dumped(row) + (b"\r\n" if number % 3 else b"\n"))
                if number % 1000 == 0:
                    line += 1
                    out.write(b"  \n")
                continue
            chosen = big.pop() if big and number % 2500 == 1235 else way
            if chosen != way:
                dirt.good.discard(row["id"])
            if chosen in CELLS:
                cells, at, reason = CELLS[chosen]
                data = dumped(cells(row))
            else:
                make, at, reason = {**JSON, **BIG}[chosen]
                data = make(row)
            dirt.expect(line, at, reason, chosen)
            out.write(data + b"\n")


def write_csv(file: Path, count: int, dirt: Dirt) -> None:
    def line_of(row: Row) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow([row.get(name, "") for name in COLUMNS])
        return text.getvalue().rstrip("\r\n").encode()

    with file.open("wb") as out:
        out.write(b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n")
        for number, row, way in dirt.rows(count, [*CELLS, *CSV]):
            data = line_of(row)
            if way in CELLS:
                cells, at, reason = CELLS[way]
                data = line_of(cells(row))
                dirt.expect(number + 1, at, reason, way)
            elif way is not None:
                spoil, where, reason = CSV[way]
                data = spoil(data)
                dirt.expect(number + 1, where, reason, way)
            out.write(data + b"\r\n")


def write_parquet(file: Path, count: int, dirt: Dirt) -> None:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    rows: list[Row] = []
    with pq.ParquetWriter(file, schema) as out:
        for number, row, way in dirt.rows(count, [*CELLS]):
            cells, at, reason = CELLS[way] if way else (dict, None, "")
            if way is not None:
                dirt.expect(number, at, reason, way)
            rows.append(cells(row))
            if len(rows) == 5000 or number == count:
                out.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()


WRITERS = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}
PROGRAM = r"""
import re, sys
from pathlib import Path
from recommend.cli import main
try:
    main()
finally:  # getrusage would tell of the process that started this one, if that was larger
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak[1]) // 1024, file=sys.stderr)
"""


@pytest.mark.parametrize("format", WRITERS)
def test_every_good_row_goes_in_and_every_bad_row_is_quarantined_with_its_reason(
    settings: Settings, tmp_path: Path, format: str
) -> None:
    file, rejects, dirt = tmp_path / f"dirty.{format}", tmp_path / "rejects.jsonl", Dirt()
    WRITERS[format](file, ROWS, dirt)
    command = [sys.executable, "-W", "error", "-c", PROGRAM, "--store", settings.store, "ingest", str(file), "--json"]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--rejects", str(rejects), "--no-embed"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    seconds = time.monotonic() - started
    assert done.returncode == 3, done.stderr
    megabytes = int(done.stderr.split()[-1])
    print(f"{format}: {ROWS:,} rows, {ROWS / seconds:,.0f}/s with the start of the process, {megabytes} MB")
    told = orjson.loads(done.stdout)
    assert (told["quarantined"], told["embedded"]) == (len(dirt.bad), 0)
    assert told["warnings"] == len(dirt.warned) + dirt.repeated
    with closing(sqlite3.connect(settings.store.removeprefix("sqlite:///"))) as connection:
        held = {row[0] for row in connection.execute("SELECT id FROM articles")}
    assert (held - dirt.good, dirt.good - held) == (set(), set())
    found: dict[str, dict[int, Row]] = {"reject": {}, "warning": {}}
    with rejects.open("rb") as lines:
        for remark in map(orjson.loads, lines):
            if remark["source"] == "store":
                assert remark["field"] == "id"
                dirt.repeated -= 1
                continue
            assert remark["line"] not in found[remark["kind"]]
            found[remark["kind"]][remark["line"]] = remark
    assert dirt.repeated == 0
    for kind, expected in (("reject", dirt.bad), ("warning", dirt.warned)):
        assert found[kind].keys() == expected.keys()
        for line, (at, reason, way) in expected.items():
            assert (found[kind][line]["field"], way) == (at, way)
            assert reason in found[kind][line]["reason"], way
            assert found[kind][line]["reason"]
    ways = Counter(way for expected in (dirt.bad, dirt.warned) for _, _, way in expected.values())
    assert len(ways) >= (30 if format == "jsonl" else len(CELLS))
    assert megabytes < MEMORY
