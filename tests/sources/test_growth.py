"""Work of every reader of files grows with their length, whatever stands in them, or where in them it stands."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from effort import THOROUGH
from growth import MOST, SMALL, TIMES, disproportionate, grows
from hostile import NAMES
from recommend.sources import xml
from recommend.sources.feed import find_entries
from recommend.sources.jsonl import read_json, read_jsonl
from recommend.sources.markdown import find_story
from recommend.sources.page import find_article
from recommend.sources.parquet import read_parquet
from recommend.sources.stream import ByteStream
from recommend.sources.table import read_csv
from recommend.sources.wordpress import read_wordpress

EXPORT = """<rss xmlns:wp="http://wordpress.org/export/1.2/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><item><title>x</title><link>https://a.example/1</link><content:encoded>{}</content:encoded></item></channel></rss>"""
FEED = "<rss><channel><item><guid>1</guid><title>x</title><description>{}</description></item></channel></rss>"
PAGE = "<html><head><title>T</title></head><body><article><h1>T</h1><p>{}</p></article></body></html>"
STORY = "---\ntitle: T\n---\n{}"
HEAD = "---\ntitle: {}\n---\nx"


def drained(reader: Callable[..., Iterator[Any]]) -> Callable[[str], None]:
    """Reads a file of a text to its end."""

    def read(text: str) -> None:
        for _ in reader(ByteStream(io.BytesIO(text.encode(errors="replace")), "file")):
            pass

    return read


def within(form: str, entry: Callable[[str], object]) -> Callable[[str], object]:
    """The text as it is, in a place of its format."""
    return lambda text: entry(form.format(text))


def quoted(form: str, entry: Callable[[str], object], quote: Callable[[str], str]) -> Callable[[str], object]:
    """The text as a well-formed value of its format."""
    return lambda text: entry(form.format(quote(text)))


def as_json(text: str) -> str:
    return orjson.dumps(text.encode(errors="replace").decode()).decode()


def as_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def parquet(text: str) -> None:
    file = io.BytesIO()
    value = text.encode(errors="replace").decode()
    pq.write_table(pa.table({"id": ["a"], "title": ["T"], "text": [value], "tags": [[value]], "other": [value]}), file)
    for _ in read_parquet(file, "file"):
        pass


def parsed(find: Callable[[bytes, dict[str, str]], object], **told: str) -> Callable[[str], None]:
    """What the process for parsing does with a document; whatever is raised there is that document's matter."""

    def parse(text: str) -> None:
        with suppress(Exception):
            find(text.encode(errors="replace"), told)

    return parse


def beginning(text: str) -> None:
    start = text.encode(errors="replace")
    xml.kind(start)
    xml.is_list(start)


feed, story = parsed(find_entries), parsed(find_story)
page = parsed(find_article, **{"content-type": "", "url": "https://a.example/1"})
jsonl, json, csv, wordpress = map(drained, (read_jsonl, read_json, read_csv, read_wordpress))
READERS: dict[str, Callable[[str], object]] = {
    "JSON lines": jsonl,
    "a line of JSON lines": quoted('{{"id": "a", "title": "T", "text": {}}}', jsonl, as_json),
    "JSON": json,
    "an element of JSON": quoted('[{{"id": "a", "title": "T", "text": {}}}]', json, as_json),
    "behind an element of JSON": within('[{{"id": "a", "title": "T"}}, {}]', json),
    "an export": quoted('{{"posts": [{{"id": 1, "title": "T", "html": {}}}]}}', json, as_json),
    "CSV": csv,
    "a cell of CSV": quoted("id,title,text\na,T,{}\n", csv, as_cell),
    "below the head of CSV": within("id,title,text\n{}", csv),
    "WordPress": wordpress,
    "a text of WordPress": quoted(EXPORT, wordpress, escape),
    "in a post of WordPress": within(EXPORT, wordpress),
    "the beginning of XML": beginning,
    "Parquet": parquet,
    "a feed": feed,
    "a text of a feed": quoted(FEED, feed, escape),
    "in a feed": within(FEED, feed),
    "a page": page,
    "in a page": within(PAGE, page),
    "a story in Markdown": within(STORY, story),
    "a head of YAML": within(HEAD, story),
}  # fmt: skip


@pytest.mark.parametrize("place", READERS)
def test_work_on_a_file_grows_with_its_length(place: str) -> None:
    if "page" in place:
        pytest.importorskip("trafilatura")
    reader = READERS[place]

    def answered(text: str) -> None:
        with suppress(Exception):  # a reason is an answer as well
            reader(text)

    answered("warmed up, so that patterns are compiled: é क")
    half = NAMES if THOROUGH else [*NAMES][list(READERS).index(place) % 2 :: 2]  # the other half in the next place
    assert disproportionate(answered, half) == {}


def test_the_check_sees_a_reader_that_is_quadratic() -> None:
    def read_slowly(stream: ByteStream) -> Iterator[str]:
        data = stream.read(10**6)
        for start in range(len(data)):
            yield str(data.count(b"b", start))

    assert grows(drained(read_slowly), "a" * SMALL, "a" * SMALL * TIMES) > MOST
