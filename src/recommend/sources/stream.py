"""The bytes of one source: decompressed, line by line, in bounded memory, and up to the point where they break off."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from recommend.errors import SourceError, shown
from recommend.sources.row import Reject

LINE_LIMIT = 16 * 2**20
"""Bytes of one line (or one record of a CSV file, one element of a JSON array)."""

_CHUNK = 2**17
_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class _Tolerant(io.RawIOBase):
    """Ends where the inner stream fails, and keeps the failure."""

    def __init__(self, inner: BinaryIO) -> None:
        # read1 hands over what was decompressed before a break, where read would drop it with the exception
        self._read = cast("Callable[[int], bytes]", getattr(inner, "read1", inner.read))
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
        buffer[: len(data)] = data
        return len(data)


class ByteStream:
    """Reads ``raw``, unpacked when it is gzip (``gzipped``: it must be). The caller closes ``raw``.

    Raises:
        SourceError: it is not gzip though it must be, is UTF-16, or fails before the first byte.
    """

    def __init__(self, raw: BinaryIO, name: str, *, gzipped: bool = False) -> None:
        self.name = name
        self._inner = _Tolerant(raw)
        self._reader = io.BufferedReader(self._inner, _CHUNK)
        if gzipped or self._reader.peek(2)[:2] == _GZIP:
            self._inner = _Tolerant(cast(BinaryIO, gzip.GzipFile(fileobj=self._reader)))
            self._reader = io.BufferedReader(self._inner, _CHUNK)
        start = self._reader.peek(2)
        if not start and self.damage is not None:
            raise SourceError(f"{name} cannot be read: {self.damage}")
        if start[:2] in _UTF16_MARKS:
            raise SourceError(f"{name} is UTF-16: save it as UTF-8")

    @property
    def damage(self) -> str | None:
        """Why the bytes break off, once they did; None for a stream that is whole so far."""
        return self._inner.damage

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
    return shown(data[:400].decode(errors="replace").strip())


def oversize(size: int) -> str:
    """The reason to reject something of ``size`` bytes."""
    return f"has {size:,} bytes, more than {LINE_LIMIT:,}"
