"""From a location (file, folder, glob, standard input, URL) to articles."""

from __future__ import annotations

import glob
import io
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

from typing_extensions import Buffer

from recommend.errors import SourceError
from recommend.sources.feed import read_feed, read_url
from recommend.sources.jsonl import read_json, read_jsonl
from recommend.sources.parquet import read_parquet
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream
from recommend.sources.table import read_csv


class Format(StrEnum):
    """How articles are written down."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    FEED = "feed"


ENDINGS = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".rss": Format.FEED,
    ".atom": Format.FEED,
    ".xml": Format.FEED,
}
"""The format of a file by its ending; all but Parquet may be followed by ``.gz``."""

_STREAM_READERS = {Format.JSONL: read_jsonl, Format.JSON: read_json, Format.CSV: read_csv, Format.FEED: read_feed}


def size(location: str | Path, format: Format | None = None) -> int | None:
    """Bytes of the files at a location, packed as they lie there; None for what is not made of files.

    Raises:
        SourceError: there is nothing at the location.
    """
    if str(location) == "-" or _is_url(location):
        return None
    return sum(path.stat().st_size for path in _files(Path(location), format))


def read(
    location: str | Path,
    format: Format | None = None,
    *,
    stdin: BinaryIO | None = None,
    on_read: Callable[[int], None] = lambda _: None,
) -> Iterator[Row]:
    """The articles at a location, and a reject for every row that cannot be one.

    Args:
        location: a file; a folder, read with all below it in sorted order, but for hidden files and, without
            ``format``, unknown endings; a glob (``**`` for folders of any depth); ``-`` for standard input; the http(s)
            URL of a feed.
        format: how the articles are written; by default told by the ending, and JSON lines on standard input.
        stdin: read for ``-`` instead of standard input.
        on_read: called with numbers of bytes as files are read; they add up to :func:`size`.

    Raises:
        SourceError: the location as a whole cannot be read. Raised here or, for what only its content tells, by the
            first ``next``. Of several files, one that cannot be read becomes a reject.
    """
    name = str(location)
    if name == "-":
        return _read_stream(stdin or sys.stdin.buffer, "-", format or Format.JSONL)
    if _is_url(location):
        if format not in {None, Format.FEED}:
            raise SourceError(f"{name} cannot be read as {format}: only feeds are read from a URL, download it first")
        return read_url(name)
    path = Path(location)
    files = _files(path, format)
    if files == [path]:
        return _read_file(path, format or _format(path), on_read)
    return _read_files(files, format, on_read)


def _is_url(location: str | Path) -> bool:
    return str(location).lower().startswith(("http://", "https://"))


def _files(path: Path, format: Format | None) -> list[Path]:
    try:
        if path.is_dir():
            return _below(path, format)
        if path.exists():
            return [path]
    except OSError as problem:
        raise SourceError(f"{path} cannot be opened: {problem.strerror}") from None
    name = str(path)
    if not glob.has_magic(name):
        raise SourceError(f"{name} does not exist")
    files = sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not files:
        raise SourceError(f"{name} matches no file")
    return files


def _below(folder: Path, format: Format | None) -> list[Path]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (format is not None or _ending(path) in ENDINGS)
    )
    if not files:
        raise SourceError(f"{folder} holds no file ending in {_known()}; --format reads the others")
    return files


def _read_files(files: list[Path], format: Format | None, on_read: Callable[[int], None]) -> Iterator[Row]:
    for path in files:
        try:
            yield from _read_file(path, format or _format(path), on_read)
        except SourceError as problem:
            if len(files) == 1:
                raise
            yield Reject(_name(path), None, None, None, "", str(problem))


class _Counted(io.RawIOBase):
    """A file that tells how much of it is read."""

    def __init__(self, file: io.FileIO, on_read: Callable[[int], None]) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        count = self._file.readinto(buffer) or 0
        self._on_read(count)
        return count


def _read_file(path: Path, format: Format, on_read: Callable[[int], None]) -> Iterator[Row]:
    name, gzipped = _name(path), path.suffix.lower() == ".gz"
    if format is Format.PARQUET:
        if gzipped:
            raise SourceError(f"{name} must be unpacked first: Parquet cannot be read through gzip")
        yield from read_parquet(path, name)
        on_read(path.stat().st_size)
        return
    try:
        file = path.open("rb", buffering=0)
    except OSError as problem:
        raise SourceError(f"{name} cannot be opened: {problem.strerror}") from None
    with file:
        yield from _read_stream(cast("BinaryIO", _Counted(file, on_read)), name, format, gzipped=gzipped)


def _read_stream(raw: BinaryIO, name: str, format: Format, *, gzipped: bool = False) -> Iterator[Row]:
    if format is Format.PARQUET:
        raise SourceError(f"{name} cannot be read as parquet: Parquet needs a file")
    yield from _STREAM_READERS[format](ByteStream(raw, name, gzipped=gzipped))


def _ending(path: Path) -> str:
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def _format(path: Path) -> Format:
    try:
        return ENDINGS[_ending(path)]
    except KeyError:
        message = f"{_name(path)} has an unknown ending: name its format with --format ({', '.join(Format)})"
        raise SourceError(f"{message}, or end it in {_known()}") from None


def _known() -> str:
    return f"{', '.join(ENDINGS)} (each but .parquet also with .gz)"


def _name(path: Path) -> str:
    return str(path).encode(errors="surrogateescape").decode(errors="replace")
