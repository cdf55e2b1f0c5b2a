"""What Substack and Medium hand out: a zip with a page for each post."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from recommend.errors import SourceError
from recommend.sources.encoding import decode
from recommend.sources.limits import EXPORT_LIMIT, LINE_LIMIT
from recommend.sources.parsing import ParsingError, parse
from recommend.sources.row import Reject, Row, rows

_ACCESS = {"everyone": "public", "only_free": "members"}
_NO_POSTS = frozenset({"page", "adhoc_email"})
_FAULTS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)  # RuntimeError: locked


def read_archive(file: BinaryIO | Path, name: str) -> Iterator[Row]:
    """The posts of an archive of Substack (``posts.csv`` and ``posts/*.html``) or of Medium (``posts/*.html``).

    A post that cannot be read, or is larger than ``LINE_LIMIT``, becomes a reject.

    Raises:
        SourceError: it is no zip, or none of these.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            pages = {i.filename: i for i in archive.infolist() if PurePosixPath(i.filename).suffix == ".html"}
            table = next((i for i in archive.infolist() if PurePosixPath(i.filename).name == "posts.csv"), None)
            posts = {n: i for n, i in pages.items() if PurePosixPath(n).parent.name == "posts"}
            if table is not None:
                yield from _substack(archive, table, posts, name)
            elif posts:
                yield from _medium(archive, posts, name)
            else:
                raise SourceError(f"{name} is not an archive of Substack or Medium: unpack it and ingest the folder")
    except _FAULTS as problem:
        raise SourceError(f"{name} cannot be read: {problem}") from None


def _substack(
    archive: zipfile.ZipFile, table: zipfile.ZipInfo, pages: Mapping[str, zipfile.ZipInfo], name: str
) -> Iterator[Row]:
    bodies = {PurePosixPath(file).stem: info for file, info in pages.items()}
    text = decode(_unpacked(archive, table, EXPORT_LIMIT))
    for number, post in enumerate(csv.DictReader(io.StringIO(text, newline="")), start=1):
        key = (post.get("post_id") or "").strip()
        if post.get("type") in _NO_POSTS:
            continue
        info = bodies.get(key)
        try:
            body = "" if info is None else decode(_unpacked(archive, info, LINE_LIMIT))
        except _FAULTS as problem:
            yield Reject(name, number, key or None, None, "", f"cannot be read: {problem}")
            continue
        published, audience = post.get("post_date") or None, post.get("audience") or "everyone"
        row = {
            "id": key,
            "title": post.get("title"),
            "text": body,
            "summary": post.get("subtitle") or None,
            "published_at": published,
            "access": _ACCESS.get(audience, "paid"),
            "status": "published" if (post.get("is_published") or "").lower() == "true" and published else "draft",
        }
        yield from rows(row, name, number)


def _medium(archive: zipfile.ZipFile, pages: Mapping[str, zipfile.ZipInfo], name: str) -> Iterator[Row]:
    for number, (file, info) in enumerate(sorted(pages.items()), start=1):
        try:
            row = parse("medium", _unpacked(archive, info, LINE_LIMIT), {})
        except (*_FAULTS, ParsingError) as problem:
            yield Reject(name, number, None, None, "", f"{file} cannot be read: {problem}")
            continue
        draft = PurePosixPath(file).name.startswith("draft_") or not row["published_at"]
        key = PurePosixPath(file).stem.rpartition("-")[2].rpartition("_")[2]  # …-title-of-the-post-1f3a5c7e9b2d
        yield from rows({**row, "id": row["url"] or key, "status": "draft" if draft else "published"}, name, number)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(info) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"{info.filename} has more than {most:,} bytes")
    return data


def find_medium_post(data: bytes, _told: Mapping[str, str]) -> dict[str, object]:
    """What a page of Medium's archive tells, in the classes of its h-entry; runs in a process of its own."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(decode(data))
    body = tree.css_first(".e-content")
    for repeated in body.css(".graf--title") if body is not None else ():
        repeated.decompose()

    def first_text(selector: str, attribute: str = "") -> str | None:
        node = tree.css_first(selector)
        if node is None:
            return None
        return (str(node.attributes.get(attribute) or "") if attribute else node.text()).strip() or None

    return {
        "title": first_text(".p-name") or first_text("title"),
        "text": "" if body is None else body.html,
        "summary": first_text(".p-summary"),
        "url": first_text("a.p-canonical", "href"),
        "image_url": first_text(".e-content img[src]", "src"),
        "published_at": first_text("time.dt-published", "datetime"),
        "authors": [name] if (name := first_text(".p-author")) else [],
    }
