"""JSON lines, a JSON array read as if each element were a line, and exports that are one JSON document."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import orjson

from recommend.errors import SourceError
from recommend.sources.exports import as_row, find_posts
from recommend.sources.limits import DEPTH_LIMIT, EXPORT_LIMIT, LINE_LIMIT
from recommend.sources.row import Reject, Row, rows
from recommend.sources.stream import ByteStream, excerpt, oversize

_CHUNK = 2**20
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
_EXPORT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:db|data|posts|meta|jsonapi|links)"\s*:')
_IN_STRING = re.compile(rb'["\\]')
_IN_ELEMENT = re.compile(rb'["\[\]{}]')
_IN_ARRAY = re.compile(rb'["\[\]{},]')


def read_jsonl(stream: ByteStream) -> Iterator[Row]:
    """One article a line. Blank lines are skipped, every other line is an article or a reject."""
    number = 0
    for number, line in stream.lines():
        if isinstance(line, Reject):
            yield line
        elif not line.isspace():
            found = parse_json(line.rstrip(), stream.name, number)
            if stream.damage is None or line.endswith(b"\n"):
                yield from found
            else:  # a reject would be what was left of a line at the break, which is rejected below
                yield from (row for row in found if not isinstance(row, Reject))
    if stream.damage is not None:
        yield stream.breakage(number)


def read_json(stream: ByteStream) -> Iterator[Row]:
    """A top-level array of articles, element by element; an export of Ghost or Drupal; anything else as JSON lines.

    Raises:
        SourceError: it is an export and larger than ``EXPORT_LIMIT``.
    """
    start = stream.peek()
    array = _ARRAY.match(start)
    if array is None:
        yield from _read_export(stream) if _EXPORT.match(start) else read_jsonl(stream)
        return
    stream.read(array.end())
    for number, (data, size, ended) in enumerate(_elements(stream), start=1):
        if size > LINE_LIMIT:
            yield Reject(stream.name, number, None, None, excerpt(data), oversize(size))
        else:
            found = parse_json(data, stream.name, number)
            yield from (row for row in found if ended or not isinstance(row, Reject))
        if not ended:
            yield stream.breakage(number)


def _read_export(stream: ByteStream) -> Iterator[Row]:
    first = stream.peek().partition(b"\n")[0]
    try:
        is_line = find_posts(orjson.loads(first)) is None
    except orjson.JSONDecodeError:
        is_line = False
    if is_line:
        yield from read_jsonl(stream)
        return
    data = stream.read(EXPORT_LIMIT + 1)
    if len(data) > EXPORT_LIMIT:
        raise SourceError(f"{stream.name} is one JSON document of more than {EXPORT_LIMIT:,} bytes: write JSON lines")
    try:
        posts = find_posts(orjson.loads(data.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError:
        posts = None
    if posts is None:
        yield from read_jsonl(ByteStream(io.BytesIO(data), stream.name))
        return
    for number, post in enumerate(posts, start=1):
        yield from rows(post, stream.name, number)


def parse_json(data: bytes, source: str, line: int) -> Iterator[Row]:
    """One article written as JSON and what was dropped of it, or the reject that says why it is none."""
    row = load_json(data, source, line)
    if isinstance(row, Reject):
        yield row
    else:
        yield from rows(as_row(row), source, line)


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
    return row


def _not_json(data: bytes, problem: orjson.JSONDecodeError) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as bad:
        return f"is not valid UTF-8: byte 0x{data[bad.start]:02x} at column {bad.start + 1}"
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
        found = pattern.search(buffer, position)
        if found is None:
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
        token, position = found.group(), found.end()
        if quoted:
            quoted = token != b'"'
            position += quoted  # over the character behind a backslash
        elif token == b'"':
            quoted = True
        elif nesting.ends_element(token):
            element = buffer[start : found.start()]
            if dropped or element.strip():
                yield head or element, dropped + len(element), True
            start, head, dropped = position, b"", 0
            if token == b"]":
                rest = buffer[position:] + stream.read(_CHUNK)
                if rest.strip():
                    yield rest, len(rest), True
                return
