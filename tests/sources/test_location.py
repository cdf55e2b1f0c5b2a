from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import Format, Reject, Row, Web, read, size

LOCAL = Web(allow_private=True, pause=0)


def line(article_id: str) -> bytes:
    return orjson.dumps({"id": article_id, "title": f"Title {article_id}"}, option=orjson.OPT_APPEND_NEWLINE)


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Article)]


CONTENTS = {
    ".jsonl": line("a") + line("b"),
    ".ndjson": line("a") + line("b"),
    ".json": b"[" + line("a") + b"," + line("b") + b"]",
    ".csv": b"id,title\na,x\nb,y\n",
    ".tsv": b"id\ttitle\na\tx\nb\ty\n",
    ".rss": b'<rss version="2.0"><channel><item><guid>a</guid><title>x</title></item>'
    b"<item><guid>b</guid><title>y</title></item></channel></rss>",
}
CONTENTS |= {".xml": CONTENTS[".rss"], ".atom": CONTENTS[".rss"], ".JSONL": CONTENTS[".jsonl"]}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", CONTENTS)
def test_the_ending_tells_the_format_and_whether_a_file_is_packed(tmp_path: Path, ending: str, packed: bool) -> None:
    path = tmp_path / f"articles{ending}{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(CONTENTS[ending]) if packed else CONTENTS[ending])
    assert ids(read(path)) == ids(read(str(path))) == ["a", "b"]


def test_parquet_is_read_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "articles.parquet"
    pq.write_table(pa.table({"id": ["a"], "title": ["x"]}), path)
    assert ids(read(path)) == ["a"]


def test_a_given_format_goes_before_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "articles.csv"
    path.write_bytes(line("a"))
    assert ids(read(path, Format.JSONL)) == ["a"]


def test_a_gzip_file_without_the_ending_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_bytes(gzip.compress(line("a")))
    assert ids(read(path)) == ["a"]


def test_an_empty_file_of_lines_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.touch()
    assert list(read(path)) == []


def test_a_folder_is_read_with_all_below_it_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a.jsonl", "b/1.csv", ".hidden.jsonl", ".git/x.jsonl", "README.md", "b/deep/3.jsonl.gz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f"id,title\n{name},x\n".encode() if name.endswith(".csv") else line(name)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert ids(read(tmp_path)) == ["a.jsonl", "b/1.csv", "b/2.jsonl", "b/deep/3.jsonl.gz"]


def test_in_a_folder_a_given_format_takes_files_of_any_ending(tmp_path: Path) -> None:
    (tmp_path / "part-0").write_bytes(line("a"))
    (tmp_path / "part-1.txt").write_bytes(line("b"))
    assert ids(read(tmp_path, Format.JSONL)) == ["a", "b"]


def test_a_glob_is_read_in_sorted_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("2.jsonl", "1.jsonl", "3.csv", "deep/er/4.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(line(name))
    assert ids(read(f"{tmp_path}/*.jsonl")) == ["1.jsonl", "2.jsonl"]
    monkeypatch.chdir(tmp_path)
    assert ids(read("**/*.jsonl")) == ["1.jsonl", "2.jsonl", "deep/er/4.jsonl"]


def test_a_file_named_like_a_glob_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").write_bytes(line("a"))
    assert ids(read(tmp_path / "a[1].jsonl")) == ["a"]


def test_of_several_files_one_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(line("a"))
    (tmp_path / "2.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "3.parquet").write_bytes(b"no parquet")
    (tmp_path / "4.xml").write_bytes(b"<notes/>")
    (tmp_path / "5.csv").write_bytes(b"Schlagzeile\nx\n")
    (tmp_path / "6.jsonl").write_bytes(b"no json\n" + line("b"))
    (tmp_path / "7.txt").write_bytes(line("c"))
    rows = list(read(f"{tmp_path}/*"))
    assert ids(rows) == ["a", "b"]
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert [(Path(reject.source).name, reject.line) for reject in rejects] == [
        ("2.jsonl.gz", None),
        ("3.parquet", None),
        ("4.xml", None),
        ("5.csv", None),
        ("6.jsonl", 1),
        ("7.txt", None),
    ]


def test_the_only_file_of_a_folder_or_glob_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    for location in (tmp_path, f"{tmp_path}/*"):
        with pytest.raises(SourceError, match="is not Parquet"):
            list(read(location))


@pytest.mark.parametrize(("name", "told"), [("a.rss", '<?xml version="1.0" encoding="{}"?>'), ("a.csv", "")])
@pytest.mark.parametrize("declared", ["iso-8859-1", "utf-8"])
def test_an_encoding_that_is_named_goes_before_what_a_document_says_of_itself(
    tmp_path: Path, name: str, told: str, declared: str
) -> None:
    item = "<item><guid>https://quay.example/1</guid><title>Привет</title></item>"
    feed = f'{told.format(declared)}<rss version="2.0"><channel><title>x</title>{item}</channel></rss>'
    (tmp_path / name).write_bytes((feed if told else "id,title\na,Привет\n").encode("koi8-r"))
    (row,) = read(tmp_path / name, encoding="koi8-r")
    assert isinstance(row, Article)
    assert row.title == "Привет"


def test_in_an_encoding_that_is_named_an_empty_file_of_lines_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert list(read(tmp_path / "a.jsonl", encoding="koi8-r")) == []


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_json_lines_unless_told_otherwise(packed: bool) -> None:
    def stdin(content: bytes) -> io.BytesIO:
        return io.BytesIO(gzip.compress(content) if packed else content)

    bad, good = read("-", stdin=stdin(b"no json\n" + line("a")))
    assert isinstance(bad, Reject)
    assert bad.source == "-"
    assert ids([good]) == ["a"]
    for format, ending in ((Format.CSV, ".csv"), (Format.JSON, ".json"), (Format.FEED, ".rss")):
        assert ids(read("-", format, stdin=stdin(CONTENTS[ending]))) == ["a", "b"]


def test_lines_from_a_pipe_arrive_before_it_ends() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        rows = read("-", stdin=source)
        sink.write(line("a"))
        assert ids([next(rows)]) == ["a"]
        threading.Timer(0.05, sink.write, [line("b")]).start()
        assert ids([next(rows)]) == ["b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jsonl", None, "does not exist"),
        ("*.jsonl", None, "matches no file"),
        ("notes.txt", b"", r"unknown ending: name its format with --format \(jsonl, json, csv, parquet, feed, "),
        ("articles", b"", r"or end it in \.jsonl, \.ndjson"),
        ("a.parquet.gz", b"", "must be unpacked first"),
        ("a.parquet", b"", "is not Parquet"),
        ("a.jsonl.gz", b"{}", r"a\.jsonl\.gz cannot be read: Not a gzipped file"),
        ("a.csv", b"", "does not begin with a CSV header"),
        ("a.xml", b"<a/>", "is neither an RSS nor an Atom feed"),
    ],
)
def test_a_location_that_cannot_be_read_at_all_is_an_error_with_a_way_out(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        list(read(tmp_path / name))


def test_a_folder_without_articles_is_an_error_that_names_the_endings(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match=r"holds no file ending in \.jsonl, .*; --format reads the others"):
        read(tmp_path)


def test_parquet_cannot_come_through_a_pipe() -> None:
    with pytest.raises(SourceError, match="parquet: it needs a file"):
        list(read("-", Format.PARQUET, stdin=io.BytesIO()))


def test_what_is_no_feed_sitemap_export_or_page_does_not_come_from_a_url() -> None:
    with pytest.raises(SourceError, match="a URL gives feed, sitemap, wordpress, page; download other formats first"):
        read("https://example.org/articles.jsonl", Format.JSONL)


def test_what_is_not_there_is_told_before_reading_begins(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read(tmp_path / "missing.jsonl")


def test_a_file_name_that_is_not_unicode_can_be_written_down(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    path.write_bytes(b"no json\n")
    (reject,) = read(path)
    assert isinstance(reject, Reject)
    orjson.dumps(reject.as_json())


def test_the_bytes_read_add_up_to_the_size_of_the_location(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(line("a") * 50_000)
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(line("b") * 1_000))
    pq.write_table(pa.table({"id": ["c"], "title": ["x"]}), tmp_path / "3.parquet")
    counts: list[int] = []
    assert len(ids(read(tmp_path, on_read=counts.append))) == 51_001
    assert sum(counts) == size(tmp_path) == sum(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("location", ["-", "https://example.org/feed"])
def test_the_size_of_what_is_no_file_is_not_known(location: str) -> None:
    assert size(location) is None


def test_a_url_gives_a_feed_with_the_character_set_and_the_address_of_the_answer(site: Any) -> None:
    url, handler = site
    body = "<rss><channel><item><guid>1</guid><title>Кофе</title><link>stories/1</link></item></channel></rss>"
    headers = {"Content-Type": "application/rss+xml; charset=koi8-r"}
    handler.answers["/old"] = [(301, {"Location": "/new/feed"}, b"")]
    handler.answers["/new/feed"] = [(200, headers, body.encode("koi8-r"))]
    (row,) = read(f"{url}/old", web=LOCAL)
    assert isinstance(row, Article)
    assert (row.title, row.url) == ("Кофе", f"{url}/new/stories/1")


def test_a_url_gives_a_page_or_a_packed_feed(site: Any) -> None:
    url, handler = site
    words = "The bridge over the river reopened on Monday after a year of work. " * 5
    handler.answers["/a"] = [(200, {}, f"<!doctype html><html><title>Bridge</title><p>{words}".encode())]
    handler.answers["/feed.xml.gz"] = [(200, {}, gzip.compress(CONTENTS[".rss"]))]
    assert ids(read(f"{url}/a", web=LOCAL)) == [f"{url}/a"]
    assert ids(read(f"{url}/feed.xml.gz", web=LOCAL)) == [f"{url}/a", f"{url}/b"]


def test_files_of_an_object_store_are_read_as_local_ones_are(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/articles/1.jsonl.gz", gzip.compress(line("a")))
    store.pipe("/articles/2.csv", b"id,title\nb,x\n")
    pq.write_table(pa.table({"id": ["c"], "title": ["x"]}), tmp_path / "3.parquet")
    store.pipe("/articles/3.parquet", (tmp_path / "3.parquet").read_bytes())
    assert ids(read("memory://articles/*")) == ["a", "b", "c"]
    assert size("memory://articles/*") is None
    assert ids(read((tmp_path / "3.parquet").as_uri())) == ["c"]


def test_of_several_files_of_an_object_store_one_that_cannot_be_read_is_a_reject() -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/mixed/1.csv", b"Schlagzeile\nx\n")
    store.pipe("/mixed/2.jsonl", line("b"))
    store.pipe("/mixed/3.txt", line("c"))
    rows = list(read("memory://mixed/*"))
    assert ids(rows) == ["b"]
    assert [Path(row.source).name for row in rows if isinstance(row, Reject)] == ["1.csv", "3.txt"]
    with pytest.raises(SourceError, match="no column that is the title"):
        list(read("memory://mixed/1.csv"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://articles/none.jsonl", "none.jsonl cannot be read"),
        ("memory://nowhere/*", "matches no file"),
        ("nonsense://a.jsonl", "cannot be opened: Protocol not known"),
    ],
)
def test_what_no_object_store_has_is_named(url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read(url))
