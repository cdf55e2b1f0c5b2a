"""WordPress exports (WXR): the posts, however large the file."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.limits import LINE_LIMIT
from recommend.sources.row import UNSORTED, Reject, Row, RowWarning, rows
from recommend.sources.stream import ByteStream, oversize

_STATUS = {"publish": "published", "future": "published", "trash": "unpublished"}
_NEVER = "0000-00-00"
_ZONE = timedelta(hours=15)  # none is further from UTC
_DATE = re.compile(r"(?!0001)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_HELD, _HELD_SIZE = 500, 32 * 2**20  # posts, and characters of posts, that wait for an image further down
_KNOWN = 200_000  # attachments, authors and ids that are remembered

Post = tuple[int, dict[str, object], str]
"""Its number, its row, and the id of its image, empty where it is known or there is none."""


def read_wordpress(stream: ByteStream) -> Iterator[Row]:
    """One article a post; pages, attachments, menus and the like are passed over.

    Published posts and those planned for a future date are published (the date holds them back), those in the bin and
    those behind a password unpublished, all others drafts, and so are planned ones without a date.

    Raises:
        SourceError: it is not well-formed.
    """
    export, number = _Export(), 0
    try:
        for item in xml.elements(stream, "item", "author", "language", "base_blog_url"):
            if item is None or xml.local_name(item) == "item":
                number += 1
            if item is None:
                yield Reject(stream.name, number, None, None, "", oversize(LINE_LIMIT + 1))
                continue
            export.take(item, number)
            yield from export.released(stream.name, _HELD)
    except SourceError as problem:
        if not number:
            raise
        yield from export.released(stream.name, 0)
        yield Reject(stream.name, number + 1, None, None, "", f"cannot be read, nor what is behind it: {problem}")
    yield from export.released(stream.name, 0)


class _Export:
    """What was told so far, and the posts whose image was not."""

    def __init__(self) -> None:
        self._waiting: deque[Post] = deque()
        self._size = 0
        self._images: dict[str, str] = {}
        self._authors: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._language: str | None = None
        self._site: str | None = None
        self._ahead = timedelta()  # the zone of the site, as the last post with both of its dates tells it

    def take(self, element: Any, number: int) -> None:
        texts = xml.texts(element)
        match xml.local_name(element):
            case "language":
                self._language = self._language or (element.text or "").strip() or None
            case "base_blog_url":
                self._site = (element.text or "").strip() or None
            case "author" if len(self._authors) < _KNOWN and "author_login" in texts:
                self._authors[texts["author_login"]] = texts.get("author_display_name", texts["author_login"])
            case "item":
                if texts.get("post_type") == "post":
                    post = self._post(element, texts)
                    self._size += len(str(post["text"]))
                    self._waiting.append((number, post, _thumbnail(element)))
                elif texts.get("post_type") == "attachment" and len(self._images) < _KNOWN:
                    self._images[texts.get("post_id", "")] = texts.get("attachment_url", "")

    def released(self, source: str, held: int) -> Iterator[Row]:
        """The posts that wait for nothing any more, and the first of the others until no more than ``held`` wait."""
        while self._waiting and (
            len(self._waiting) > held or self._size > _HELD_SIZE or self._is_ready(self._waiting[0])
        ):
            number, row, image = self._waiting.popleft()
            self._size -= len(str(row["text"]))
            row["image_url"] = self._images.get(image) or None
            post = row.pop("post_id")
            name = str(row["id"])
            if (before := self._numbers.get(name)) is not None and post:
                row["id"] = f"{name}#post-{post}"
                reason = f"is the guid of item {before} too: this one goes by {row['id']}"
                yield RowWarning(source, number, str(row["id"]), "id", repr(name), reason)
            elif len(self._numbers) < _KNOWN:
                self._numbers[name] = number
            yield from rows(row, source, number, base_url=self._site)

    def _is_ready(self, post: Post) -> bool:
        return not post[2] or post[2] in self._images

    def _post(self, item: Any, told: dict[str, str]) -> dict[str, object]:
        link = told.get("link", "")
        categories = [name for name, slug in _terms(item, "category") if not {name.lower(), slug.lower()} & UNSORTED]
        published = self._moment(told, "post_date")
        login = told.get("creator")
        return {
            "id": told.get("guid") or link or self._numbered(told.get("post_id")),
            "post_id": told.get("post_id"),
            "title": told.get("title"),
            "text": _encoded(item, "content"),
            "summary": _encoded(item, "excerpt"),
            "url": link,
            "published_at": published,
            "updated_at": self._moment(told, "post_modified"),
            "section": next(iter(categories), None),
            "tags": categories[1:] + [name for name, _ in _terms(item, "post_tag")],
            "authors": [self._authors.get(login, login)] if login else [],
            "language": self._language,
            "site": urlsplit(link).hostname,
            "status": _status(told, published),
        }

    def _numbered(self, post: str | None) -> str:
        """What a post without guid and link goes by: its number, which is unique within its site."""
        host = urlsplit(self._site or "").hostname
        return "" if not post else f"{host}:post-{post}" if host else f"post-{post}"

    def _moment(self, told: dict[str, str], name: str) -> str | None:
        """A date in UTC; one that is told in the site's zone alone is brought there."""
        universal, local = told.get(f"{name}_gmt", ""), told.get(name, "")
        has_universal, has_local = (value and not value.startswith(_NEVER) for value in (universal, local))
        here, there = _read(local), _read(universal)
        if here is not None and there is not None and abs(here - there) < _ZONE:
            self._ahead = here - there
        if has_universal:
            return universal
        if not has_local:
            return None
        return local if here is None else str(here - self._ahead)


def _read(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written) if _DATE.fullmatch(written) else None
    except ValueError:  # the 31st of a short month
        return None


def _status(told: dict[str, str], published: str | None) -> str:
    if told.get("post_password"):
        return "unpublished"
    if told.get("status") == "future" and published is None:
        return "draft"
    return _STATUS.get(told.get("status", ""), "draft")


def _thumbnail(item: Any) -> str:
    """The id of the attachment that is the post's image; empty without one."""
    for child in item:
        if xml.local_name(child) == "postmeta":
            meta = xml.texts(child)
            if meta.get("meta_key") == "_thumbnail_id":
                return meta.get("meta_value", "")
    return ""


def _encoded(item: Any, module: str) -> str:
    """The element ``content:encoded`` or ``excerpt:encoded``: they differ in namespace alone."""
    tags = [child for child in item if xml.local_name(child) == "encoded" and f"/{module}/" in str(child.tag)]
    return next((child.text for child in tags if child.text), "")


def _terms(item: Any, domain: str) -> list[tuple[str, str]]:
    """Names and slugs of the categories or tags of a post."""
    return [(child.text, child.get("nicename", "")) for child in item if child.get("domain") == domain and child.text]
