from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.sources.jsonl import read_json, read_jsonl
from recommend.sources.limits import LINE_LIMIT
from recommend.sources.row import Reject, Row, RowWarning
from recommend.sources.stream import ByteStream

GOOD = [orjson.dumps({"id": f"g{number}", "title": f"Título {number}"}) for number in range(3)]

BAD_LINES = {
    "no JSON": (b"{'id': 1}", None, "is not JSON: ", "at column 2"),
    "cut JSON": (b'{"id": "b", "title": "x"', None, "is not JSON: ", "at column 25"),
    "two values": (GOOD[0] + GOOD[1], None, "is not JSON: ", ""),
    "list": (b'["id", "title"]', None, "is not an object with fields but list", ""),
    "number": (b"17", None, "is not an object with fields but int", ""),
    "null": (b"null", None, "is not an object with fields but NoneType", ""),
    "no id": (b'{"title": "x"}', "id", "is missing", ""),
    "empty id": (b'{"id": "", "title": "x"}', "id", "is missing", ""),
    "no title": (b'{"id": "b"}', "title", "is missing", ""),
    "blank title": (b'{"id": "b", "title": " <b></b> "}', "title", "is missing or empty", ""),
    "bad date": (
        b'{"id": "b", "title": "x", "published_at": "5/6/24"}',
        "published_at",
        "is not an ISO 8601 date: day and month may be either",
        "(--date-order)",
    ),
    "bad status": (b'{"id": "b", "title": "x", "status": "gone"}', "status", "is not one of published", ""),
    "bad UTF-8": (b'{"id": "b", "title": "x\xe9"}', None, "is not valid UTF-8: byte 0xe9 at column 24", ""),
    "NUL byte": (b'{"id": "b", "title": "x\x00"}', None, "is not JSON: ", "at column 24"),
    "surrogate": (b'{"id": "b", "title": "x\\ud800"}', None, "is not JSON: ", ""),
    "NaN": (b'{"id": "b", "title": "x", "score": NaN}', None, "is not JSON: ", "at column 36"),
    "Infinity": (b'{"id": "b", "title": "x", "score": -Infinity}', None, "is not JSON: ", ""),
    "too deep": (b'{"id": "b", "title": "x", "a": ' + b"[" * 9_999 + b"]" * 9_999 + b"}", None, "is not JSON: ", ""),
    "deep title": (b'{"id": "b", "title": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", None, "", ""),
    "deep title of a long id": (b'{"id": 1e9, "title": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", None, "", ""),
}


def jsonl(lines: Iterable[bytes], end: bytes = b"\n") -> list[Row]:
    return list(read_jsonl(ByteStream(io.BytesIO(b"".join(line + end for line in lines)), "a.jsonl")))


def json_array(data: bytes) -> list[Row]:
    return list(read_json(ByteStream(io.BytesIO(data), "a.json")))


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Article)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_each_line_is_an_article_and_blank_lines_are_skipped(end: bytes) -> None:
    assert ids(jsonl([b"", GOOD[0], b"  \t", GOOD[1], b""], end)) == ["g0", "g1"]


def test_the_last_line_needs_no_end() -> None:
    assert ids(jsonl([GOOD[0] + b"\n" + GOOD[1]], b"")) == ["g0", "g1"]


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_line_is_rejected_with_its_number_and_costs_no_other(kind: str) -> None:
    line, field, reason, where = BAD_LINES[kind]
    first, bad, *rest = jsonl([GOOD[0], line, GOOD[1], GOOD[2]])
    assert ids([first, *rest]) == ["g0", "g1", "g2"]
    assert isinstance(bad, Reject)
    assert (bad.source, bad.line) == ("a.jsonl", 2)
    assert bad.article_id == ("b" if field not in {None, "id"} else bad.article_id)
    if kind not in {"deep title", "deep title of a long id"}:  # whether their field can be shown depends on the stack
        assert bad.field == field
    assert bad.reason.startswith(reason)
    assert bad.reason.endswith(where)
    assert bad.value
    assert len(bad.value) <= 80
    orjson.dumps(bad.as_json())


@pytest.mark.parametrize("digits", ["123456789012345678901234567890", "1.10", "18446744073709551616"])
def test_a_numeric_id_keeps_all_its_digits(digits: str) -> None:
    assert ids(jsonl([f'{{"id": {digits}, "title": "x"}}'.encode()])) == [digits]


def test_rows_of_one_id_all_arrive() -> None:
    assert ids(jsonl([GOOD[0], GOOD[0]])) == ["g0", "g0"]


def test_a_line_of_forty_megabytes_is_rejected_with_its_size_in_bounded_memory() -> None:
    def lines() -> Iterable[bytes]:
        yield GOOD[0] + b"\n"
        yield b'{"id": "huge", "title": "x", "text": "'
        for _ in range(40):
            yield b"a" * 2**20
        yield b'"}\n'
        yield GOOD[1] + b"\n"

    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for line in lines():
            file.write(line)
    packed.seek(0)
    tracemalloc.start()
    try:
        first, huge, second = read_jsonl(ByteStream(packed, "a.jsonl"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ids([first, second]) == ["g0", "g1"]
    assert isinstance(huge, Reject)
    assert huge.line == 2
    assert huge.reason == f"has {40 * 2**20 + 41:,} bytes, more than {LINE_LIMIT:,}"
    assert huge.value.startswith('\'{"id": "huge"')
    assert peak < 3 * LINE_LIMIT


def test_a_gzip_cut_in_a_row_gives_the_rows_before_it_and_one_reject() -> None:
    lines = [orjson.dumps({"id": str(number), "title": f"Title {number**7}"}) + b"\n" for number in range(2_000)]
    packed = gzip.compress(b"".join(lines))
    *rows, last = read_jsonl(ByteStream(io.BytesIO(packed[: len(packed) // 2]), "a.jsonl.gz", gzipped=True))
    assert ids(rows) == [str(number) for number in range(len(rows))]
    assert len(rows) > 500
    assert isinstance(last, Reject)
    assert (last.line, last.field) == (len(rows) + 1, None)
    assert last.reason.startswith("breaks off here")


def test_a_row_is_not_lost_with_the_gzip_checksum_behind_it() -> None:
    packed = gzip.compress(GOOD[0] + b"\n" + GOOD[1])
    *rows, last = read_jsonl(ByteStream(io.BytesIO(packed[:-6]), "a.jsonl.gz", gzipped=True))
    assert ids(rows) == ["g0", "g1"]
    assert isinstance(last, Reject)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 99) | st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    st.booleans(),
)
@example([1, b"\xef\xbb\xbf", b"\x1f\x8b", 2], False)
def test_no_line_of_random_bytes_raises_or_costs_a_good_one(lines: list[int | bytes], packed: bool) -> None:
    data = b"".join(
        (orjson.dumps({"id": f"g{line}", "title": "x"}) if isinstance(line, int) else line) + b"\n" for line in lines
    )
    if data[:2] in {b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"}:
        data = b"\n" + data  # a file that begins so is gzip or UTF-16 and no matter of lines
    rows = list(read_jsonl(ByteStream(io.BytesIO(gzip.compress(data) if packed else data), "a.jsonl")))
    assert ids(rows) == [f"g{line}" for line in lines if isinstance(line, int)]
    blank = sum(isinstance(line, bytes) and not line.removeprefix(b"\xef\xbb\xbf").strip() for line in lines)
    assert len(rows) == len(lines) - blank


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*Article.model_fields, "unknown"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(fields, json_values))
def test_no_json_object_raises(row: dict[str, object]) -> None:
    try:
        line = orjson.dumps(row)
    except orjson.JSONEncodeError:
        return
    (read,) = jsonl([line])
    assert isinstance(read, Article | Reject)


@pytest.mark.parametrize("indent", [None, orjson.OPT_INDENT_2])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b" \n"])
def test_a_json_array_is_read_element_by_element(indent: int | None, prefix: bytes) -> None:
    rows = [{"id": f"g{number}", "title": 'a "quoted\\" [title], {1}', "tags": ["a", "b"]} for number in range(3)]
    read = json_array(prefix + orjson.dumps(rows, option=indent) + b"\n")
    assert ids(read) == ["g0", "g1", "g2"]
    assert isinstance(read[0], Article)
    assert read[0].title == 'a "quoted\\" [title], {1}'


@pytest.mark.parametrize("data", [b"[]", b"[ ]\n", b""])
def test_an_empty_array_holds_nothing(data: bytes) -> None:
    assert json_array(data) == []


def test_a_json_file_may_hold_json_lines() -> None:
    assert ids(json_array(b"\n".join(GOOD))) == ["g0", "g1", "g2"]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id": "b", "score": NaN}',
        b'{"title": "x"}',
        b"17",
        b'{"a": [}',
        b'{"a": ]}',
        b'{"a": 1}}',
        b"}",
        b'{"title":\n"x\xff"}',
    ],
)
def test_a_bad_element_is_rejected_with_its_position_and_costs_no_other(bad: bytes) -> None:
    first, reject, second = json_array(b"[" + GOOD[0] + b",\n" + bad + b",\n" + GOOD[1] + b",]")
    assert ids([first, second]) == ["g0", "g1"]
    assert isinstance(reject, Reject)
    assert reject.line == 2


def test_an_element_over_the_limit_is_rejected_with_its_size_in_bounded_memory() -> None:
    def chunks() -> Iterable[bytes]:
        yield b"[" + GOOD[0] + b',{"id":"huge","title":"x","text":"'
        for _ in range(40):
            yield b'say \\"hi\\"' + b"a" * (2**20 - 10)
        yield b'"},' + GOOD[1] + b"]"

    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for chunk in chunks():
            file.write(chunk)
    packed.seek(0)
    tracemalloc.start()
    try:
        first, huge, second = read_json(ByteStream(packed, "a.json"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ids([first, second]) == ["g0", "g1"]
    assert isinstance(huge, Reject)
    assert huge.line == 2
    assert huge.reason == f"has {40 * 2**20 + 35:,} bytes, more than {LINE_LIMIT:,}"
    assert huge.value.startswith('\'{"id":"huge"')
    assert peak < 3 * LINE_LIMIT


@pytest.mark.parametrize("tail", [b"", b", ", b',{"id": "b', b',{"id": "b", "title": "\\'])
def test_an_array_without_its_end_gives_the_elements_before_and_one_reject(tail: bytes) -> None:
    *rows, last = json_array(b"[" + b",".join(GOOD) + tail)
    assert ids(rows) == ["g0", "g1", "g2"]
    assert len(rows) == 3
    assert isinstance(last, Reject)
    assert last.reason.endswith("its end is missing")


def test_what_stands_behind_an_array_is_rejected() -> None:
    first, reject = json_array(b"[" + GOOD[0] + b"]" + b'["id"]')
    assert ids([first]) == ["g0"]
    assert isinstance(reject, Reject)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(json_values, max_size=8), st.sampled_from([None, orjson.OPT_INDENT_2]))
def test_every_array_gives_a_row_for_each_element(values: list[object], indent: int | None) -> None:
    try:
        data = orjson.dumps(values, option=indent)
    except orjson.JSONEncodeError:
        return
    assert len(json_array(data)) == len(values)


def test_an_id_that_is_a_number_beside_one_of_a_million_digits_is_read() -> None:
    data = b'{"id": 1.5, "title": "x", "n": ' + b"7" * 1_000_000 + b"}"
    assert all(isinstance(row, Article | Reject | RowWarning) for row in jsonl([data, GOOD[0]]))
    assert ids(jsonl([data, GOOD[0]]))[-1] == "g0"


def test_extra_that_is_too_deep_is_left_out_with_a_warning() -> None:
    row, warning = jsonl([b'{"id": "b", "title": "x", "a": ' + b"[" * 600 + b"]" * 600 + b"}"])
    assert isinstance(row, Article)
    assert isinstance(warning, RowWarning)
    assert warning.field == "a"


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_an_element_is_told_from_the_next_however_deep_it_is(depth: int) -> None:
    deep = b'{"a":' * depth + b"0" + b"}" * depth
    first, *_, last = json_array(b"[" + GOOD[0] + b"," + deep + b"," + GOOD[1] + b"]")
    assert ids([first, last]) == ["g0", "g1"]


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (b'{"id": "a", "title": "T", "published_at": {"$date": "2026-03-02T08:00:00Z"}}', True),
        (b'{"id": {"$oid": "a"}, "title": "T", "published_at": {"$date": {"$numberLong": "1772438400000"}}}', True),
        (b'{"id": "a", "title": "T", "tags": [{"$numberInt": "7"}]}', False),
    ],
)
def test_what_mongoexport_writes_is_understood(line: bytes, moment: bool) -> None:
    (row,) = read_jsonl(ByteStream(io.BytesIO(line + b"\n"), "x.jsonl"))
    assert isinstance(row, Article)
    assert (row.id, row.published_at) == ("a", datetime(2026, 3, 2, 8, tzinfo=UTC) if moment else None)


def test_an_array_spread_over_lines_is_no_json_lines() -> None:
    data = b'[\n {\n  "id": "a",\n  "title": "T"\n },\n {"id": "b"}\n]\n'
    article, reject = read_jsonl(ByteStream(io.BytesIO(data), "x.jsonl"))
    assert isinstance(article, Article)
    assert isinstance(reject, Reject)
    assert (article.id, reject.article_id, reject.field) == ("a", "b", "title")
