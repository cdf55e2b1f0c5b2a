"""JSON lines, and a JSON array read as if each element were a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import orjson

from recommend.article import Article
from recommend.sources.row import Reject, Row, parse_row
from recommend.sources.stream import LINE_LIMIT, ByteStream, excerpt, oversize

_CHUNK = 2**20
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
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
            row = parse_json(line.rstrip(), stream.name, number)
            if isinstance(row, Article) or stream.damage is None or line.endswith(b"\n"):
                yield row  # else it is what was left of a line at a break, rejected below
    if stream.damage is not None:
        yield stream.breakage(number)


def read_json(stream: ByteStream) -> Iterator[Row]:
    """A top-level array of articles, element by element; anything else as JSON lines."""
    array = _ARRAY.match(stream.peek())
    if array is None:
        yield from read_jsonl(stream)
        return
    stream.read(array.end())
    for number, (data, size, ended) in enumerate(_elements(stream), start=1):
        if size > LINE_LIMIT:
            yield Reject(stream.name, number, None, None, excerpt(data), oversize(size))
        else:
            row = parse_json(data, stream.name, number)
            if ended or isinstance(row, Article):
                yield row
        if not ended:
            yield stream.breakage(number)


def parse_json(data: bytes, source: str, line: int) -> Row:
    """One article written as JSON, or the reject that says why it is none."""
    row = load_json(data, source, line)
    return row if isinstance(row, Reject) else parse_row(row, source, line)


def load_json(data: bytes, source: str, line: int) -> object:
    """A row as the JSON says it, or the reject that says why it is no JSON."""
    try:
        row = orjson.loads(data)
        if isinstance(row, dict) and isinstance(row.get("id"), float):  # an integer beyond 64 bits may be one
            row["id"] = json.loads(data, parse_float=str)["id"]
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

    @property
    def pattern(self) -> re.Pattern[bytes]:
        return _IN_ELEMENT if self._braces or self._brackets else _IN_ARRAY

    def ends_element(self, token: bytes) -> bool:
        if token == b"{":
            self._braces.append(self._brackets)
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
