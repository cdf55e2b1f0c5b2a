"""WordPress exports (WXR): the posts, however large the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.row import Reject, Row, parse_row
from recommend.sources.stream import ByteStream

_STATUS = {"publish": "published", "future": "published", "trash": "unpublished"}
_NEVER = "0000-00-00 00:00:00"
_SHORTCODE = re.compile(r"\[/?(?:audio|caption|embed|gallery|playlist|video)\b[^\]]*\]")


def read_wordpress(stream: ByteStream) -> Iterator[Row]:
    """One article a post; pages, attachments, menus and the like are passed over.

    Published posts and those planned for a future date are published (the date holds them back), those in the bin
    unpublished, all others drafts.

    Raises:
        SourceError: it is not well-formed.
    """
    number = 0
    try:
        for number, item in enumerate(xml.elements(stream, "item"), start=1):
            told = xml.texts(item)
            if told.get("post_type") == "post":
                yield parse_row(_post(item, told), stream.name, number)
    except SourceError as problem:
        if not number:
            raise
        yield Reject(stream.name, number + 1, None, None, "", f"cannot be read, nor what is behind it: {problem}")


def _post(item: Any, told: dict[str, str]) -> dict[str, object]:
    link = told.get("link", "")
    return {
        "id": told.get("guid") or link,
        "title": told.get("title"),
        "text": _SHORTCODE.sub(" ", _encoded(item, "content")),
        "summary": _encoded(item, "excerpt"),
        "url": link,
        "published_at": _moment(told.get("post_date_gmt")),
        "updated_at": _moment(told.get("post_modified_gmt")),
        "section": next(iter(_terms(item, "category")), None),
        "tags": _terms(item, "post_tag"),
        "authors": [told["creator"]] if "creator" in told else [],
        "site": urlsplit(link).hostname,
        "status": _STATUS.get(told.get("status", ""), "draft"),
    }


def _encoded(item: Any, module: str) -> str:
    """The element ``content:encoded`` or ``excerpt:encoded``: they differ in namespace alone."""
    tags = [child for child in item if xml.local_name(child) == "encoded" and f"/{module}/" in str(child.tag)]
    return next((child.text for child in tags if child.text), "")


def _terms(item: Any, domain: str) -> list[str]:
    return [child.text for child in item if child.get("domain") == domain and child.text]


def _moment(written: str | None) -> str | None:
    return None if written == _NEVER else written
