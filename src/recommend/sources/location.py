"""From a location (file, folder, glob, standard input, object store, URL, database) to articles."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from recommend.errors import SourceError, truncated_repr
from recommend.sources import xml
from recommend.sources.archive import read_archive
from recommend.sources.columns import Columns
from recommend.sources.encoding import known_encoding
from recommend.sources.feed import read_feed
from recommend.sources.files import CountedFile, Format, files_at, format_of, is_gzipped, name_of
from recommend.sources.jsonl import read_json, read_jsonl
from recommend.sources.limits import FEED_LIMIT, PAGE_LIMIT, SITEMAP_LIMIT
from recommend.sources.markdown import read_markdown
from recommend.sources.page import read_page
from recommend.sources.parquet import read_parquet
from recommend.sources.query import is_database, read_query
from recommend.sources.row import Reject, Row
from recommend.sources.sitemap import read_sitemap
from recommend.sources.stream import ByteStream
from recommend.sources.table import read_csv
from recommend.sources.web import Web
from recommend.sources.wordpress import read_wordpress

if TYPE_CHECKING:
    import fsspec

_COLUMN_READERS = {Format.JSONL: read_jsonl, Format.JSON: read_json, Format.CSV: read_csv}
_STREAM_READERS = {
    Format.FEED: read_feed,
    Format.WORDPRESS: read_wordpress,
    Format.PAGE: read_page,
    Format.MARKDOWN: read_markdown,
}
_WHOLE = (Format.PARQUET, Format.ARCHIVE)  # in which reading goes back and forth
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C:// is a drive
_FETCHED = (Format.FEED, Format.SITEMAP, Format.WORDPRESS, Format.PAGE)
_MOST_FETCHED = max(FEED_LIMIT, SITEMAP_LIMIT, PAGE_LIMIT)


@dataclass(frozen=True, slots=True)
class Reading:
    """How locations are read: pages, columns, characters."""

    web: Web
    columns: Columns
    encoding: str | None


def size(location: str | Path, format: Format | None = None) -> int | None:
    """Bytes of the files at a location, packed as they lie there; None for what is not made of files.

    Raises:
        SourceError: there is nothing at the location.
    """
    if str(location) == "-" or _scheme(location):
        return None
    return sum(path.stat().st_size for path in files_at(Path(location), format))


def read(
    location: str | Path,
    format: Format | None = None,
    *,
    stdin: BinaryIO | None = None,
    on_read: Callable[[int], None] = lambda _: None,
    web: Web = Web(),
    query: str | None = None,
    columns: Columns | None = None,
    encoding: str | None = None,
) -> Iterator[Row]:
    """The articles at a location, a reject for every row that cannot be one, and warnings of what was dropped.

    Args:
        location: a file; a folder, read with all below it in sorted order, but for hidden files and, without
            ``format``, unknown endings; a glob (``**`` for folders of any depth); ``-`` for standard input; the http(s)
            URL of a feed, a sitemap, a WordPress export or a page; the URL of a database; any other URL that fsspec
            knows, globs included, as in ``s3://bucket/articles-*.jsonl.gz``.
        format: how the articles are written; by default told by the ending or, of XML and HTML, by the beginning, and
            JSON on standard input.
        stdin: read for ``-`` instead of standard input.
        on_read: called with numbers of bytes as files are read; they add up to :func:`size`.
        web: how pages are fetched.
        query: SQL that gives the articles of a database.
        columns: which column, or path within JSON, is which field; remembers what it made of them.
        encoding: of the characters of files, where no byte order mark tells it; by default told by the format.

    Raises:
        SourceError: the location as a whole cannot be read. Raised here or, for what only its content tells, by the
            first ``next``. Of several files, one that cannot be read becomes a reject.
    """
    name = str(location)
    as_read = Reading(web, columns or Columns(), None if encoding is None else _codec(encoding))
    if name == "-":
        return _read_stream(stdin or sys.stdin.buffer, "-", format or Format.JSON, as_read)
    scheme = _scheme(location)
    if scheme in {"http", "https"}:
        if format not in {None, *_FETCHED}:
            known = ", ".join(_FETCHED)
            raise SourceError(f"{name} cannot be read as {format}: a URL gives {known}; download other formats first")
        return _read_url(name, format, as_read)
    if is_database(name):
        return read_query(name, query, as_read.columns)
    if scheme:
        return _read_objects(name, format, as_read)
    path = Path(location)
    files = files_at(path, format)
    if files == [path]:
        return _read_file(path, format or format_of(path), on_read, as_read)
    return _read_files(files, format, on_read, as_read)


def _codec(encoding: str) -> str:
    codec = known_encoding(encoding)
    if codec is None:
        raise SourceError(
            f"encoding {truncated_repr(encoding)} is unknown: utf-8, windows-1252, iso-8859-2, shift_jis …"
        )
    return codec


def _scheme(location: str | Path) -> str:
    """'s3' of 's3://bucket/key'; empty for what is no URL."""
    scheme = _URL.match(str(location))
    return scheme[1].lower() if scheme else ""


def _read_url(url: str, format: Format | None, as_read: Reading) -> Iterator[Row]:
    fetched = as_read.web.fetch(url, _MOST_FETCHED)
    stream = ByteStream(io.BytesIO(fetched.data), fetched.url)
    match format or Format(xml.kind(stream.peek())):
        case Format.PAGE:
            yield from read_page(stream, fetched.url, content_type=fetched.content_type)
        case Format.FEED:
            yield from read_feed(stream, fetched.headers)
        case other:
            yield from _read_bytes(stream, other, as_read)


def _read_objects(url: str, format: Format | None, as_read: Reading) -> Iterator[Row]:
    import fsspec

    try:
        files = fsspec.open_files(url, "rb")
    except (ImportError, ValueError, OSError) as problem:
        raise SourceError(f"{url} cannot be opened: {problem}") from None
    if not files:
        raise SourceError(f"{url} matches no file")
    for file in files:
        try:
            yield from _read_object(file, format, as_read)
        except SourceError as problem:
            if len(files) == 1:
                raise
            yield Reject(file.full_name, None, None, None, "", str(problem))


def _read_object(file: fsspec.core.OpenFile, format: Format | None, as_read: Reading) -> Iterator[Row]:
    path, name = Path(file.path), file.full_name
    kind = format or format_of(path)
    try:
        with file as opened:
            if kind in _WHOLE and not is_gzipped(path):
                yield from _read_whole(opened, name, kind, as_read)
            else:
                yield from _read_stream(opened, name, kind, as_read, gzipped=is_gzipped(path))
    except OSError as problem:
        raise SourceError(f"{name} cannot be read: {problem}") from None


def _read_files(
    files: list[Path], format: Format | None, on_read: Callable[[int], None], as_read: Reading
) -> Iterator[Row]:
    for path in files:
        try:
            yield from _read_file(path, format or format_of(path), on_read, as_read)
        except SourceError as problem:
            if len(files) == 1:
                raise
            yield Reject(name_of(path), None, None, None, "", str(problem))


def _read_file(path: Path, format: Format | None, on_read: Callable[[int], None], as_read: Reading) -> Iterator[Row]:
    name, gzipped = name_of(path), is_gzipped(path)
    if format in _WHOLE and not gzipped:
        yield from _read_whole(path, name, format, as_read)
        on_read(path.stat().st_size)
        return
    try:
        file = path.open("rb", buffering=0)
    except OSError as problem:
        raise SourceError(f"{name} cannot be opened: {problem.strerror}") from None
    with file:
        yield from _read_stream(cast("BinaryIO", CountedFile(file, on_read)), name, format, as_read, gzipped=gzipped)


def _read_whole(file: Path | BinaryIO, name: str, format: Format, as_read: Reading) -> Iterator[Row]:
    if format is Format.ARCHIVE:
        yield from read_archive(file, name)
    else:
        yield from read_parquet(file, name, as_read.columns)


def _read_stream(
    raw: BinaryIO, name: str, format: Format | None, as_read: Reading, *, gzipped: bool = False
) -> Iterator[Row]:
    if format in _WHOLE:
        reason = f"must be unpacked first: {format} cannot be read through gzip"
        raise SourceError(f"{name} {reason if gzipped else f'cannot be read as {format}: it needs a file'}")
    yield from _read_bytes(ByteStream(raw, name, gzipped=gzipped), format, as_read)


def _read_bytes(stream: ByteStream, format: Format | None, as_read: Reading) -> Iterator[Row]:
    format = format or Format(xml.kind(stream.peek()))
    if as_read.encoding is not None and not stream.is_utf8:
        stream.recode(as_read.encoding)
        stream.is_utf8 = True
    if format in _COLUMN_READERS:
        yield from _COLUMN_READERS[format](stream, as_read.columns)
    else:
        yield from read_sitemap(stream, as_read.web) if format is Format.SITEMAP else _STREAM_READERS[format](stream)
