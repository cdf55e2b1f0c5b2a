"""Files of articles: which there are at a path, and in which format."""

from __future__ import annotations

import glob
import io
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from typing_extensions import Buffer

from recommend.errors import SourceError


class Format(StrEnum):
    """How articles are written down."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    FEED = "feed"
    SITEMAP = "sitemap"
    WORDPRESS = "wordpress"
    PAGE = "page"
    MARKDOWN = "markdown"
    ARCHIVE = "archive"


ENDINGS = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".rss": None,
    ".atom": None,
    ".xml": None,
    ".html": Format.PAGE,
    ".htm": Format.PAGE,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".zip": Format.ARCHIVE,
}
"""The format of a file by its ending, None where its beginning tells; all but Parquet and zip may be followed by
``.gz``."""


def is_gzipped(path: Path) -> bool:
    """Whether a file's ending says so."""
    return path.suffix.lower() == ".gz"


def ending(path: Path) -> str:
    """The ending of a file, that of what is packed in it where it is gzipped."""
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def format_of(path: Path) -> Format | None:
    """The format that a file's ending tells, None where its beginning does.

    Raises:
        SourceError: when the ending is unknown.
    """
    try:
        return ENDINGS[ending(path)]
    except KeyError:
        message = f"{name_of(path)} has an unknown ending: name its format with --format ({', '.join(Format)})"
        raise SourceError(f"{message}, or end it in {known_endings()}") from None


def known_endings() -> str:
    """The endings that tell a format, for people."""
    return f"{', '.join(ENDINGS)} (each but .parquet and .zip also with .gz)"


def name_of(path: Path) -> str:
    """A path as text that can be written anywhere."""
    return str(path).encode(errors="surrogateescape").decode(errors="replace")


def files_at(path: Path, format: Format | None) -> list[Path]:
    """The files at a path: itself; in sorted order those below a folder, or that a glob matches.

    Raises:
        SourceError: there is none.
    """
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
        and (format is not None or ending(path) in ENDINGS)
    )
    if not files:
        raise SourceError(f"{folder} holds no file ending in {known_endings()}; --format reads the others")
    return files


class CountedFile(io.RawIOBase):
    """A file that tells how much of it is read."""

    def __init__(self, file: io.FileIO, on_read: Callable[[int], None]) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fills a buffer; how many bytes that are is told."""
        count = self._file.readinto(buffer) or 0
        self._on_read(count)
        return count
