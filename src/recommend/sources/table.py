"""CSV and its relatives: a header, then one article a record."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator

from recommend.errors import SourceError, shown
from recommend.sources.row import Reject, Row, check_columns, parse_cells, reject_cell
from recommend.sources.stream import LINE_LIMIT, ByteStream, oversize

_DELIMITERS = ",;\t|"
_UNFIT = re.compile("[\x00\udc80-\udcff]")  # NUL, and what surrogateescape makes of bytes that are not UTF-8


class _RejectedLineError(Exception):
    def __init__(self, reject: Reject) -> None:
        self.reject = reject


class _Lines(Iterator[str]):
    """The lines of a stream for ``csv.reader``. Those that a faulty record swallowed can come again."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._fresh = stream.lines()
        self._again: deque[tuple[int, str]] = deque()
        self._size = 0
        self.record: list[tuple[int, str]] = []  # the lines of the record being read, with their numbers
        self.number = 0  # of the line read last
        self.ended = False  # the record ran into the end of the stream
        self.delimiter, self.columns = ",", 0

    def start(self) -> None:
        """The next line begins a record."""
        self.record.clear()
        self._size, self.ended = 0, False

    def again(self, first: int) -> None:
        """The lines of the record, from its line ``first`` (0-based) on, come again."""
        self._again.extendleft(reversed(self.record[first:]))

    def swallowed_rows(self) -> bool:
        """Whether the record is an unclosed quote with rows behind it and no long text: most lines look like rows."""
        behind = [text for _, text in self.record[1:]]
        return 2 * sum(map(self._is_like_a_row, behind)) > len(behind)

    def _is_like_a_row(self, text: str) -> bool:
        surplus = text.count(self.delimiter) - self.columns + 1
        return surplus == 0 or (surplus > 0 and '"' in text)

    def __next__(self) -> str:
        text = self._take()
        if self._size > LINE_LIMIT:
            if not self.swallowed_rows():
                while text.count('"') % 2 == 0:  # to the line that closes the quote
                    self.record.pop()
                    text = self._take()
            raise csv.Error(oversize(self._size))
        return text

    def _take(self) -> str:
        self.number, text = self._again.popleft() if self._again else self._read()
        self.record.append((self.number, text))
        self._size += len(text)
        return text

    def _read(self) -> tuple[int, str]:
        for number, line in self._fresh:
            if isinstance(line, Reject):
                raise _RejectedLineError(line)
            if self._stream.damage is None or line.endswith(b"\n"):  # half a record may look like a whole one
                return number, line.decode(errors="surrogateescape")
        self.ended = True
        raise StopIteration


def read_csv(stream: ByteStream) -> Iterator[Row]:
    """One article a record, in the columns that the header names; an empty cell is an absent field.

    The header also tells the delimiter: comma, semicolon, tab or bar. Cells may be quoted and then span lines.

    Raises:
        SourceError: there is no header with the columns ``id`` and ``title``.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    lines = _Lines(stream)
    header = _header(lines, stream.name)
    reader = csv.reader(lines, delimiter=lines.delimiter, strict=True)
    while True:
        lines.start()
        try:
            cells = next(reader)
            reason = f"has not the {len(header)} cells that the header names but {len(cells)}"
        except StopIteration:
            break
        except _RejectedLineError as line:
            yield line.reject
            cells, reason = [], "opens a quote that no line before a rejected one closes"
        except csv.Error as problem:
            if lines.ended and stream.damage is not None:
                break
            cells, reason = [], f"is not a CSV row: {problem}"
        if len(cells) == len(header):
            if any(cells):
                yield _row(header, cells, lines.record, stream.name)
        elif lines.record and any(text.strip() for _, text in lines.record):
            yield _faulty(header, lines, stream.name, reason)
    if stream.damage is not None:
        yield stream.breakage(lines.record[0][0] if lines.record else lines.number)


def _header(lines: _Lines, source: str) -> list[str]:
    try:
        first = next(text for text in lines if text.strip())
        lines.again(len(lines.record) - 1)
        lines.start()
        lines.delimiter = max(_DELIMITERS, key=first.count)
        header = [name.strip() for name in next(csv.reader(lines, delimiter=lines.delimiter, strict=True))]
    except (StopIteration, csv.Error, _RejectedLineError):
        raise SourceError(f"{source} does not begin with a CSV header: its first line must name the columns") from None
    if _UNFIT.search("".join(header)):
        raise SourceError(f"{source} does not begin with a CSV header in UTF-8: save it as UTF-8")
    check_columns(header, source)
    lines.columns = len(header)
    return header


def _row(header: list[str], cells: list[str], record: list[tuple[int, str]], source: str) -> Row:
    number = record[0][0]
    row: dict[str, object] = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    if any(_UNFIT.search(text) for _, text in record):
        for name, cell in zip(header, cells, strict=True):
            if unfit := _UNFIT.search(cell):
                byte = ord(unfit.group()) & 0xFF
                reason = f"is not valid UTF-8: byte 0x{byte:02x}" if byte else "contains a NUL byte"
                return reject_cell(row, name, source, number, reason)
    return parse_cells(row, source, number)


def _faulty(header: list[str], lines: _Lines, source: str, reason: str) -> Row:
    number, text = lines.record[0]
    if lines.delimiter == "\t":  # tab-separated files are often written without quoting
        cells = text.rstrip("\r\n").split("\t")
        if len(cells) == len(header):
            lines.again(1)
            return _row(header, cells, lines.record[:1], source)
    if lines.swallowed_rows():
        lines.again(1)
    elif len(lines.record) > 1:
        reason = f"{reason} (lines {number} to {lines.number})"
    return Reject(source, number, None, None, shown(text.strip()), reason)
