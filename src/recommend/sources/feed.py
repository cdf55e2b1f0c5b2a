"""RSS and Atom."""

from __future__ import annotations

import html
import io
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.sax import SAXException

import feedparser

from recommend.article import LINE_LIMIT as SUMMARY_LIMIT
from recommend.errors import SourceError
from recommend.sources.row import Row, parse_row, reject_cell
from recommend.sources.stream import ByteStream

FEED_LIMIT = 64 * 2**20
"""Bytes of one feed, unpacked."""

_REFERENCE = re.compile(rb"&#(?:x[0-9a-f]{4,}|[0-9]{5,});?", re.IGNORECASE)
_CLOSED = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)


def read_feed(stream: ByteStream, headers: Mapping[str, str] | None = None) -> Iterator[Row]:
    """One article an entry. ``headers`` of the HTTP answer tell the character set and what relative links start from.

    Raises:
        SourceError: it is no feed, or larger than ``FEED_LIMIT``.
    """
    data = stream.read(FEED_LIMIT + 1)
    if len(data) > FEED_LIMIT:
        raise SourceError(f"{stream.name} is larger than {FEED_LIMIT:,} bytes, too large for a feed")
    file = io.BytesIO(_REFERENCE.sub(_possible, data))
    try:
        parsed = feedparser.parse(file, response_headers=dict(headers or {}), sanitize_html=False)
    except ValueError as problem:  # an encoding name that is none, an impossible address
        raise SourceError(f"{stream.name} cannot be parsed as a feed: {problem}") from None
    malformed = isinstance(parsed.get("bozo_exception"), SAXException)
    if not parsed.entries and (malformed or not parsed.get("version")):
        raise SourceError(f"{stream.name} is neither an RSS nor an Atom feed")
    broken = stream.damage is not None or (malformed and not _CLOSED.search(data))
    entries = parsed.entries[:-1] if broken else parsed.entries  # the last may have lost its second half
    for number, entry in enumerate(entries, start=1):
        yield _row(entry, parsed.feed, stream.name, number)
    if broken:
        yield stream.breakage(len(entries) + 1)


def _possible(reference: re.Match[bytes]) -> bytes:
    """A character reference that feedparser survives: half a surrogate pair, or a number too large, is U+FFFD."""
    return b"&#xfffd;" if html.unescape(reference.group().decode()) == "\ufffd" else reference.group()


def _row(entry: Any, feed: Any, source: str, number: int) -> Row:
    summary, text = _body(entry)
    link = entry.get("link") or ""
    if link == entry.get("id") and not link.startswith(("http://", "https://")):
        link = ""  # an id that feedparser offers as a link
    row: dict[str, object] = {
        "id": entry.get("id") or link,
        "title": entry.get("title"),
        "text": text,
        "summary": summary,
        "url": link,
        "image_url": _image(entry),
        "tags": [tag.get("label") or tag.get("term") or "" for tag in entry.get("tags", [])],
        "authors": [author["name"] for author in entry.get("authors", []) if author.get("name")],
        "language": _language(entry) or feed.get("language"),
        "site": _host(feed.get("link") or ""),
    }
    for name in ("published", "updated"):
        if name not in entry or not entry[name]:  # not get: it would take the one for the other
            continue
        moment = _moment(entry[f"{name}_parsed"])
        row[f"{name}_at"] = moment or entry[name]
        if moment is None:
            return reject_cell(row, f"{name}_at", source, number, "is neither an RFC 822 nor an ISO 8601 date")
    row.setdefault("published_at", row.get("updated_at"))  # all that many Atom and RSS 1.0 feeds tell
    return parse_row(row, source, number)


def _body(entry: Any) -> tuple[str, str]:
    text: str = next((part["value"] for part in entry.get("content", []) if part.get("value")), "")
    summary: str = entry.get("summary") or ""
    if summary == text:  # feedparser fills the one from the other
        return "", text
    if len(summary) > SUMMARY_LIMIT:  # a whole article in the description
        return "", text or summary
    return summary, text


def _moment(parsed: time.struct_time | None) -> datetime | None:
    try:
        return None if parsed is None else datetime(*parsed[:6], tzinfo=UTC)
    except ValueError:
        return None


def _image(entry: Any) -> str:
    media = [
        *(part.get("url") for part in entry.get("media_content", []) if _is_image(part)),
        *(part.get("url") for part in entry.get("media_thumbnail", [])),
        *(part.get("href") for part in entry.get("enclosures", []) if (part.get("type") or "").startswith("image/")),
    ]
    url: str = next(filter(None, media), "")
    return f"https:{url}" if url.startswith("//") else url


def _is_image(part: Mapping[str, str]) -> bool:
    medium, kind = part.get("medium"), part.get("type") or ""
    return medium == "image" or kind.startswith("image/") or not (medium or kind)


def _language(entry: Any) -> str | None:
    details = [*entry.get("content", []), entry.get("title_detail", {})]
    return entry.get("language") or next(filter(None, (part.get("language") for part in details)), None)


def _host(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None
