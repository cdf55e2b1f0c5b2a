"""CSV and its relatives: a header, then one article a record."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator

from recommend.errors import SourceError, truncated_repr
from recommend.sources.columns import Columns
from recommend.sources.limits import LINE_LIMIT
from recommend.sources.names import field_of
from recommend.sources.row import Reject, Row, RowWarning, reject_cell
from recommend.sources.stream import ByteStream, oversize

_DELIMITERS = ",;\t|"
_UNFIT = re.compile("[\x00\udc80-\udcff]")  # NUL, and what surrogateescape makes of bytes that are not UTF-8
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # how spreadsheets tell each other
_NULLS = ("\\N", "NULL")  # how databases and their clients write it
_UTF8 = re.compile(rb"[\xc3-\xf4][\x80-\xbf]+")
_FOREIGN = re.compile(rb"[\x80-\xff]+")
_WESTERN = "windows-1252"


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
        self._fresh_size = self._again_size = 0

    @property
    def exhausted(self) -> bool:
        """Whether so many lines came again already that the work would be out of proportion to the file."""
        return self._again_size > 4 * (self._fresh_size + LINE_LIMIT)

    def start(self) -> None:
        """The next line begins a record."""
        self.record.clear()
        self._size, self.ended = 0, False

    def again(self, first: int) -> None:
        """The lines of the record, from its line ``first`` (0-based) on, come again."""
        behind = self.record[first:]
        self._again_size += sum(len(text) for _, text in behind)
        self._again.extendleft(reversed(behind))

    def swallowed_rows(self) -> bool:
        """Whether the record is an unclosed quote with rows behind it and no long text: most lines look like rows."""
        behind = [] if self.exhausted else [text for _, text in self.record[1:]]
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
                self._fresh_size += len(line)
                return number, line.decode(errors="surrogateescape")
        self.ended = True
        raise StopIteration


def read_csv(stream: ByteStream, columns: Columns | None = None) -> Iterator[Row]:
    """One article a record, in the columns that the header names; an empty cell is an absent field.

    The header, or a line ``sep=;`` before it, tells the delimiter: comma, semicolon, tab or bar. Cells may be quoted
    and then span lines; MySQL's backslashes and ``\\N`` are understood. A file that is not UTF-8 but looks like Western
    text is read as windows-1252, with a warning.

    Raises:
        SourceError: there is no header with a column that is the title.
    """
    columns = columns or Columns()
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    start = stream.peek()
    if not stream.is_utf8 and _is_western(start):
        stream.recode(_WESTERN)
        reason = f"is not UTF-8 and was read as {_WESTERN}: save it as UTF-8 if letters are wrong"
        yield RowWarning(stream.name, None, None, None, "", reason)
    if b"\r" in start and b"\n" not in start:
        stream.break_lines()
    lines = _Lines(stream)
    header = _header(lines, stream.name, columns)
    reader = csv.reader(lines, delimiter=lines.delimiter, strict=True)
    while True:
        if lines.exhausted and lines.delimiter == "\t":  # quotes that mean nothing
            reader = csv.reader(lines, delimiter=lines.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        lines.start()
        try:
            cells = next(reader)
            reason = f"does not fit the header: {len(cells)} != {len(header)} cells"
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
                yield from _row(header, cells, lines.record, stream.name, columns)
        elif lines.record and any(text.strip() for _, text in lines.record):
            yield from _faulty(header, lines, stream.name, reason, columns)
    if stream.damage is not None:
        yield stream.breakage(lines.record[0][0] if lines.record else lines.number)


def _header(lines: _Lines, source: str, columns: Columns) -> list[str]:
    try:
        first = next(text for text in lines if text.strip())
        separator = _SEPARATOR.fullmatch(first)
        if separator is None:
            lines.again(len(lines.record) - 1)
        lines.start()
        lines.delimiter = (
            separator[1] if separator else max(_DELIMITERS, key=lambda delimiter: _fitness(first, delimiter))
        )
        header = [name.strip() for name in next(csv.reader(lines, delimiter=lines.delimiter, strict=True))]
    except (StopIteration, csv.Error, _RejectedLineError):
        raise SourceError(f"{source} does not begin with a CSV header: its first line must name the columns") from None
    if _UNFIT.search("".join(header)):
        raise SourceError(f"{source} does not begin with a CSV header in UTF-8: save it as UTF-8")
    lines.columns = len(header)
    return columns.header(header, source)


def _fitness(header: str, delimiter: str) -> tuple[int, int]:
    names = {name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter))}
    return sum(field_of(name) is not None for name in names), len(names)


def _is_western(start: bytes) -> bool:
    """Whether bytes are not UTF-8, and are letters with accents among others rather than words of another script."""
    foreign = _FOREIGN.findall(start)
    return bool(foreign) and not _UTF8.search(start) and all(len(run) < 3 for run in foreign)


def _row(
    header: list[str], cells: list[str], record: list[tuple[int, str]], source: str, columns: Columns
) -> Iterator[Row]:
    number = record[0][0]
    row: dict[str, object] = {
        name: cell for name, cell in zip(header, cells, strict=True) if cell and cell not in _NULLS
    }
    if any(_UNFIT.search(text) for _, text in record):
        for name, cell in zip(header, cells, strict=True):
            if unfit := _UNFIT.search(cell):
                byte = ord(unfit.group()) & 0xFF
                reason = f"is not valid UTF-8: byte 0x{byte:02x}" if byte else "contains a NUL byte"
                yield reject_cell(row, name, source, number, reason)
                return
    yield from columns.cell_rows(row, source, number)


def _faulty(header: list[str], lines: _Lines, source: str, reason: str, columns: Columns) -> Iterator[Row]:
    number, text = lines.record[0]
    cells = _written_otherwise(text, lines.delimiter)
    if len(cells) == len(header) and not lines.exhausted:
        lines.again(1)
        yield from _row(header, cells, lines.record[:1], source, columns)
        return
    if lines.swallowed_rows():
        lines.again(1)
    elif len(lines.record) > 1:
        reason = f"{reason} (lines {number} to {lines.number})"
    yield Reject(source, number, None, None, truncated_repr(text.strip()), reason)


def _written_otherwise(line: str, delimiter: str) -> list[str]:
    """The cells of a line whose quotes are not doubled: tab-separated without quoting, or with MySQL's backslashes."""
    if delimiter == "\t":
        return line.rstrip("\r\n").split("\t")
    if '\\"' not in line:
        return []
    try:
        return next(csv.reader([line], delimiter=delimiter, escapechar="\\", doublequote=False, strict=True), [])
    except csv.Error:
        return []
