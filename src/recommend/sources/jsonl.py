"""JSON lines, a JSON array read as if each element were a line, and exports that are one JSON document."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import orjson

from recommend.errors import SourceError
from recommend.sources.columns import Columns
from recommend.sources.exports import as_row, find_posts
from recommend.sources.limits import DEPTH_LIMIT, EXPORT_LIMIT, LINE_LIMIT
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream, excerpt, oversize

_CHUNK = 2**20
_MONGO = frozenset({"$oid", "$date", "$numberInt", "$numberDouble", "$numberLong"})
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
_SPREAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\n\s*\{")
_DOCUMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_NESTED = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"[^"\\]{1,100}"\s*:\s*[\[{]')
_IN_STRING = re.compile(rb'["\\]')
_IN_ELEMENT = re.compile(rb'["\[\]{}]')
_IN_ARRAY = re.compile(rb'["\[\]{},]')


def read_jsonl(stream: ByteStream, columns: Columns | None = None) -> Iterator[Row]:
    """One article a line. Blank lines are skipped, every other line is an article or a reject. An array that is spread
    over lines is read as :func:`read_json` does."""
    columns = columns or Columns()
    if not columns.asked.items and _SPREAD.match(stream.peek()):
        yield from read_json(stream, columns)
        return
    number = 0
    for number, line in stream.lines():
        if isinstance(line, Reject):
            yield line
        elif not line.isspace():
            parsed = parse_json(line.rstrip(), stream.name, number, columns)
            if stream.damage is None or line.endswith(b"\n"):
                yield from parsed
            else:  # a reject would be what was left of a line at the break, which is rejected below
                yield from (row for row in parsed if not isinstance(row, Reject))
    if stream.damage is not None:
        yield stream.breakage(number)


def read_json(stream: ByteStream, columns: Columns | None = None) -> Iterator[Row]:
    """A top-level array of articles, element by element; one document that holds a list of them, as an export of Ghost
    or Drupal does, or is one article; anything else as JSON lines.

    Raises:
        SourceError: it is one document and larger than ``EXPORT_LIMIT``, or has nothing where the user says it has.
    """
    columns = columns or Columns()
    start = stream.peek()
    array = None if columns.asked.items else _ARRAY.match(start)
    if array is None:
        is_document = columns.asked.items or _is_document(start)
        yield from _read_document(stream, columns) if is_document else read_jsonl(stream, columns)
        return
    stream.read(array.end())
    for number, (data, size, ended) in enumerate(_elements(stream), start=1):
        if size > LINE_LIMIT:
            yield Reject(stream.name, number, None, None, excerpt(data), oversize(size))
        else:
            parsed = parse_json(data, stream.name, number, columns)
            yield from (row for row in parsed if ended or not isinstance(row, Reject))
        if not ended:
            yield stream.breakage(number)


def _is_document(start: bytes) -> bool:
    """Whether an object begins that is more than a line: its first line is no whole one, or holds the articles."""
    if not _DOCUMENT.match(start):
        return False
    first, ended, _ = start.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    try:
        document = orjson.loads(first)
    except orjson.JSONDecodeError:
        return bool(ended or _NESTED.match(start))
    return find_posts(document) is not None or Columns().find_items(document, "") is not None


def _read_document(stream: ByteStream, columns: Columns) -> Iterator[Row]:
    data = stream.read(EXPORT_LIMIT + 1)
    if len(data) > EXPORT_LIMIT:
        raise SourceError(f"{stream.name} is one JSON document of more than {EXPORT_LIMIT:,} bytes: write JSON lines")
    try:
        document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        yield from read_jsonl(ByteStream(io.BytesIO(data), stream.name), columns)
        return
    posts = None if columns.asked.items else find_posts(document)
    if posts is not None:
        for number, post in enumerate(posts, start=1):
            yield from columns.rows(post, stream.name, number)
        return
    items = columns.find_items(document, stream.name)
    for number, element in enumerate([document] if items is None else items, start=1):
        yield from columns.rows(as_row(element), stream.name, number, original=element)


def parse_json(data: bytes, source: str, line: int, columns: Columns) -> Iterator[Row]:
    """One article written as JSON and what was dropped of it, or the reject that says why it is none."""
    row = load_json(data, source, line)
    if isinstance(row, Reject):
        yield row
    else:
        yield from columns.rows(as_row(row), source, line, original=row)


def load_json(data: bytes, source: str, line: int) -> object:
    """A row as the JSON says it, or the reject that says why it is no JSON."""
    try:
        row = orjson.loads(data)
        if isinstance(row, dict) and isinstance(row.get("id"), float):  # an integer beyond 64 bits may be one
            row["id"] = json.loads(data, parse_float=str, parse_int=str)["id"]
    except orjson.JSONDecodeError as problem:
        return Reject(source, line, None, None, excerpt(data), _not_json(data, problem))
    except RecursionError:
        return Reject(source, line, None, None, excerpt(data), "is nested too deeply")
    if isinstance(row, dict) and b'"$' in data:
        return {name: _of_mongo(value) for name, value in row.items()}
    return row


def _of_mongo(value: object) -> object:
    """A value out of MongoDB's Extended JSON (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/)."""
    if isinstance(value, list):
        return [_of_mongo(one) for one in value]
    if not isinstance(value, dict) or len(value) != 1:
        return value
    (name, said), *_ = value.items()
    if name == "$date":
        said = _of_mongo(said)
    if name == "$numberLong" and str(said).lstrip("-").isdecimal():
        return int(said)
    return said if name in _MONGO else value


def _not_json(data: bytes, problem: orjson.JSONDecodeError) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as bad:
        where = f"byte 0x{data[bad.start]:02x} at column {bad.start + 1}"
        return f"is not valid UTF-8: {where}; if the file is written otherwise, name it with --encoding"
    line = "" if problem.lineno == 1 else f"line {problem.lineno}, "
    return f"is not JSON: {problem.msg} at {line}column {problem.colno}"


class _Nesting:
    """What is open within an element: a brace closes the brackets left open in it, a stray bracket closes nothing."""

    def __init__(self) -> None:
        self._braces: list[int] = []  # for each open brace, how many brackets were open before it
        self._brackets = 0
        self._beyond = 0  # braces deeper than any JSON may be, of which only the number is known

    @property
    def pattern(self) -> re.Pattern[bytes]:
        return _IN_ELEMENT if self._braces or self._brackets else _IN_ARRAY

    def ends_element(self, token: bytes) -> bool:
        if token == b"{":
            if len(self._braces) < DEPTH_LIMIT:
                self._braces.append(self._brackets)
            else:
                self._beyond += 1
        elif self._beyond:
            self._beyond -= token == b"}"
        elif token == b"}":
            self._brackets = self._braces.pop() if self._braces else self._brackets
        elif token == b"[":
            self._brackets += 1
        elif token == b"]" and self._brackets > (self._braces[-1] if self._braces else 0):
            self._brackets -= 1
        else:
            return not self._braces
        return False


def _elements(stream: ByteStream) -> Iterator[tuple[bytes, int, bool]]:
    """Each element of the array whose bracket was just read: its bytes (the start of them, if too many), its size,
    and whether it ended before the bytes did.

    Only strings and brackets are looked at, so that a faulty element does not hide the next.
    """
    buffer, start, position = b"", 0, 0  # where the element starts, and how far it was searched
    nesting, quoted = _Nesting(), False
    head, dropped = b"", 0
    while True:
        pattern = _IN_STRING if quoted else nesting.pattern
        token_match = pattern.search(buffer, position)
        if token_match is None:
            held = buffer[start:]
            if dropped + len(held) > LINE_LIMIT:
                head, dropped, held = head or held[:_CHUNK], dropped + len(held), b""
            chunk = stream.read(_CHUNK)
            if not chunk:
                yield head or held, dropped + len(held), False
                return
            position = max(position, len(buffer)) - len(buffer) + len(held)
            buffer, start = held + chunk, 0
            continue
        token, position = token_match.group(), token_match.end()
        if quoted:
            quoted = token != b'"'
            position += quoted  # over the character behind a backslash
        elif token == b'"':
            quoted = True
        elif nesting.ends_element(token):
            element = buffer[start : token_match.start()]
            if dropped or element.strip():
                yield head or element, dropped + len(element), True
            start, head, dropped = position, b"", 0
            if token == b"]":
                rest = buffer[position:] + stream.read(_CHUNK)
                if rest.strip():
                    yield rest, len(rest), True
                return
