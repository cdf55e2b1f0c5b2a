"""The bytes of one source: decompressed, line by line, in bounded memory, and up to the point where they break off."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from recommend.errors import SourceError, truncated_repr
from recommend.sources.encoding import encoding_by_mark
from recommend.sources.limits import LINE_LIMIT, RATIO, RATIO_FROM
from recommend.sources.row import Reject

_CHUNK = 2**17
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"


class _Tolerant(io.RawIOBase):
    """Ends where the inner stream fails, and keeps the failure.

    Attributes:
        count: bytes that came out so far.
    """

    def __init__(self, inner: BinaryIO, packed: _Tolerant | None = None) -> None:
        # read1 hands over what was decompressed before a break, where read would drop it with the exception
        self._read = cast("Callable[[int], bytes]", getattr(inner, "read1", inner.read))
        self._packed = packed
        self.count = 0
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.damage is not None:
            return 0
        try:
            data = self._read(len(buffer))
        except (OSError, EOFError, zlib.error) as problem:
            self.damage = str(problem)
            return 0
        self.count += len(data)
        if self._packed is not None and self.count > max(RATIO_FROM, RATIO * self._packed.count):
            self.damage = f"unpacks to more than {RATIO} times its size"
            return 0
        buffer[: len(data)] = data
        return len(data)


class _Converted(io.RawIOBase):
    """The bytes of another reader, each piece of them converted."""

    def __init__(self, inner: Any, convert: Callable[[bytes, bool], bytes]) -> None:
        self._inner, self._convert = inner, convert
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._inner.read1(_CHUNK)
            self._ready = self._convert(data, not data)
            if not data:
                break
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


class ByteStream:
    """Reads ``raw``, unpacked when it is gzip (``gzipped``: it must be), UTF-16 as UTF-8. The caller closes ``raw``.

    Attributes:
        name: for messages.
        is_utf8: whether a byte order mark told the encoding, whatever else the document says of it.

    Raises:
        SourceError: it is not gzip though it must be, or fails before the first byte.
    """

    def __init__(self, raw: BinaryIO, name: str, *, gzipped: bool = False) -> None:
        self.name = name
        self._inner = _Tolerant(raw)
        self._reader: io.BufferedReader[Any] = io.BufferedReader(self._inner, _CHUNK)
        if gzipped or self._reader.peek(2)[:2] == _GZIP:
            unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=self._reader))
            self._inner = _Tolerant(unpacked, self._inner)
            self._reader = io.BufferedReader(self._inner, _CHUNK)
        start = self._reader.peek(4)
        if not start and self.damage is not None:
            raise SourceError(f"{name} cannot be read: {self.damage}")
        encoding = encoding_by_mark(start)
        self.is_utf8 = encoding is not None
        if encoding not in {None, "utf-8"}:
            self.recode(str(encoding), b"")  # its own mark comes first, where it has one

    @property
    def damage(self) -> str | None:
        """Why the bytes break off, once they did; None for a stream that is whole so far."""
        return self._inner.damage

    def recode(self, encoding: str, mark: bytes = _UTF8_MARK) -> None:
        """What is still to be read is turned from an encoding into UTF-8, with a mark before it that says so."""
        decoder, marks = codecs.getincrementaldecoder(encoding)(errors="replace"), iter([mark])

        def convert(data: bytes, final: bool) -> bytes:
            text = decoder.decode(data, final).encode(errors="replace")
            return next(marks, b"") + text if text else text

        self._convert(convert)

    def break_lines(self) -> None:
        """What is still to be read has its carriage returns turned into line ends."""
        self._convert(lambda data, _: data.replace(b"\r", b"\n"))

    def _convert(self, convert: Callable[[bytes, bool], bytes]) -> None:
        self._reader = io.BufferedReader(_Converted(self._reader, convert), _CHUNK)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer only at the end."""
        return self._reader.read(size)

    def peek(self) -> bytes:
        """The bytes next in line, at least one unless at the end, without taking them."""
        return self._reader.peek()

    def lines(self) -> Iterator[tuple[int, bytes | Reject]]:
        """Each line with its number from 1, its end included; a reject for one over ``LINE_LIMIT`` bytes.

        Where the bytes break off, the last line is what was left of it: check ``damage`` behind the last line.
        """
        number = 0
        line = b"\n"
        while line := self._reader.readline(LINE_LIMIT + 1):
            number += 1
            if len(line) <= LINE_LIMIT:
                yield number, line.removeprefix(_UTF8_MARK)
                continue
            start, size = line[:_CHUNK], len(line)
            while not line.endswith(b"\n") and (line := self._reader.readline(_CHUNK)):
                size += len(line)
            yield number, Reject(self.name, number, None, None, excerpt(start), oversize(size))

    def breakage(self, line: int) -> Reject:
        """The reject that names the break in line (or record) ``line``."""
        reason = f"breaks off here, nothing after it can be read: {self.damage or 'its end is missing'}"
        return Reject(self.name, line, None, None, "", reason)


def excerpt(data: bytes) -> str:
    """The start of ``data`` for display."""
    return truncated_repr(data[:400].decode(errors="replace").strip())


def oversize(size: int) -> str:
    """The reason to reject something of ``size`` bytes."""
    return f"has {size:,} bytes, more than {LINE_LIMIT:,}"
