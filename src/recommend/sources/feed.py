"""RSS and Atom."""

from __future__ import annotations

import html
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.sax import SAXException

import orjson

from recommend.articles.article import LINE_LIMIT as SUMMARY_LIMIT
from recommend.errors import SourceError
from recommend.sources.encoding import decode
from recommend.sources.exports import find_posts
from recommend.sources.limits import FEED_LIMIT
from recommend.sources.parsing import ParsingError, parse
from recommend.sources.row import UNSORTED, Reject, Row, RowWarning, public_rows
from recommend.sources.stream import ByteStream

_REFERENCE = re.compile(r"&#(?:x[0-9a-f]{4,8}|[0-9]{5,9});?", re.IGNORECASE)
_CLOSED = re.compile(r"</(?:[\w.-]{1,40}:)?(?:rss|feed|rdf)\s{0,20}>", re.IGNORECASE)
_UNIVERSAL = re.compile(r"(?:https?|urn|tag):\S+|[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_SECTION_WORDS = 4
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,99}\{")


def read_feed(stream: ByteStream, headers: Mapping[str, str] | None = None) -> Iterator[Row]:
    """One article an entry. ``headers`` of the HTTP answer tell the character set and what relative links start from.

    An id that is no address (and no URN, tag or UUID) is unique within its feed only: the site's name goes before it.
    Of two entries with one id, the second goes by its link, or is passed over; a warning tells of it.

    Raises:
        SourceError: it is no feed, or larger than ``FEED_LIMIT``, or takes too long to parse.
    """
    data = stream.read(FEED_LIMIT + 1)
    if len(data) > FEED_LIMIT:
        raise SourceError(f"{stream.name} is larger than {FEED_LIMIT:,} bytes, too large for a feed")
    if _JSON.match(data):
        yield from _json_items(data, stream.name)
        return
    try:
        feed = parse("feed", data, dict(headers or {}))
    except ParsingError as problem:
        raise SourceError(f"{stream.name} {problem}") from None
    entries: list[dict[str, Any]] = feed["entries"]
    if not entries and not feed["is_feed"]:
        raise SourceError(f"{stream.name} is neither an RSS nor an Atom feed")
    broken = stream.damage is not None or feed["unclosed"]
    if broken:
        entries = entries[:-1]  # the last may have lost its second half
    seen: dict[str, int] = {}
    sections = _sections([entry["tags"] for entry in entries])
    for number, entry in enumerate(entries, start=1):
        yield from _rows(entry, feed, sections, stream.name, number, seen)
    if broken:
        yield stream.breakage(len(entries) + 1)


def _json_items(data: bytes, source: str) -> Iterator[Row]:
    """The articles of a JSON Feed."""
    try:
        posts = find_posts(orjson.loads(data.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as problem:
        raise SourceError(f"{source} is not JSON: {problem.msg}") from None
    if posts is None:
        raise SourceError(f"{source} is neither an RSS nor an Atom nor a JSON feed")
    for number, post in enumerate(posts, start=1):
        yield from public_rows(post, source, number, base_url=None, instead={})


def _rows(
    entry: dict[str, Any],
    feed: Mapping[str, Any],
    sections: Collection[str],
    source: str,
    number: int,
    seen: dict[str, int],
) -> Iterator[Row]:
    row = _row(entry, feed, sections)
    if not row["id"]:
        yield Reject(source, number, None, "id", "''", "is missing: the entry has neither an id nor a link")
        return
    name, link = str(row["id"] or ""), str(row["url"] or "")
    if name in seen:
        other = link if link and link not in seen else ""
        done = f"it goes by its link {link}" if other else "it is passed over"
        reason = f"is the id of entry {seen[name]} too: {done}"
        yield RowWarning(source, number, name, "id", repr(name), reason)
        if not other:
            return
        row["id"] = name = other
    seen[name] = number
    seen.setdefault(link, number)
    instead = {"published_at": _not_to_come(entry["published_parsed"])}
    yield from public_rows(row, source, number, base_url=feed["base"], instead=instead)


def _row(entry: dict[str, Any], feed: Mapping[str, Any], sections: Collection[str]) -> dict[str, object]:
    link, name = entry["link"], entry["id"]
    if link == name and not link.startswith(("http://", "https://")):
        link = ""  # an id that feedparser offers as a link
    site = _host(feed["link"])
    if name and not _UNIVERSAL.fullmatch(name):
        scope = _host(link) or site
        name = f"{scope.removeprefix('www.')}:{name}" if scope else name
    section, tags = _section(entry["tags"], sections)
    return {
        "id": name or link,
        "title": entry["title"],
        "text": entry["text"],
        "summary": entry["summary"],
        "url": link,
        "image_url": entry["image"],
        "section": section,
        "tags": tags,
        "authors": entry["authors"],
        "language": entry["language"] or feed["language"],
        "site": site,
        "published_at": entry["published"] or entry["updated"],  # all that many Atom and RSS 1.0 feeds tell
        "updated_at": entry["updated"],
    }


def _sections(entries: Sequence[list[str]]) -> set[str]:
    """Of the entries' categories those that are sections: the first of several entries, and seldom a later one. Feeds
    name the section before the tags, where they have one."""
    named = [_named(categories) for categories in entries]
    first = Counter(categories[0] for categories in named if categories)
    anywhere = Counter(name for categories in named for name in set(categories))
    return {name for name, count in first.items() if count > 1 and 2 * count > anywhere[name]}


def _section(categories: list[str], sections: Collection[str]) -> tuple[str | None, list[str]]:
    """The section and the tags: a single category, or a first that is one of the ``sections``, in a few words."""
    named = _named(categories)
    if named and (len(named) == 1 or named[0] in sections) and len(named[0].split()) <= _SECTION_WORDS:
        return named[0], named[1:]
    return None, named


def _named(categories: list[str]) -> list[str]:
    return [category for category in categories if category.strip() and category.strip().lower() not in UNSORTED]


def _not_to_come(moment: str | None) -> str | None:
    """A date whose zone may have been misread, unless that would hold the story back."""
    return None if moment is None or datetime.fromisoformat(moment) > datetime.now(UTC) else moment


def _host(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None


def find_entries(data: bytes, headers: Mapping[str, str]) -> dict[str, object]:
    """What feedparser finds in a feed, as JSON has it; runs in a process of its own, see ``parsing``."""
    import feedparser

    text = decode(data, headers.get("content-type", ""))
    file = io.BytesIO(_REFERENCE.sub(_possible, text).encode(errors="replace"))
    told = {**headers, "content-type": "application/xml; charset=utf-8"}
    parsed = feedparser.parse(file, response_headers=told, sanitize_html=False, resolve_relative_uris=False)
    malformed = isinstance(parsed.get("bozo_exception"), SAXException)
    link = parsed.feed.get("link") or ""
    return {
        "is_feed": bool(parsed.get("version")) and not (malformed and not parsed.entries),
        "unclosed": malformed and not _CLOSED.search(text),
        "link": link,
        "base": headers.get("content-location") or (link if link.startswith(("http://", "https://")) else None),
        "language": parsed.feed.get("language"),
        "entries": [_entry(entry) for entry in parsed.entries],
    }


def _possible(reference: re.Match[str]) -> str:
    """A character reference that feedparser survives: half a surrogate pair, or a number too large, is U+FFFD."""
    return "&#xfffd;" if html.unescape(reference.group()) == "\ufffd" else reference.group()


def _entry(entry: Any) -> dict[str, object]:
    summary, text = _body(entry)
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    return {
        "id": entry.get("id") or "",
        "link": entry.get("link") or "",
        "title": entry.get("title"),
        "text": text,
        "summary": summary,
        "image": _image(entry, text or summary),
        "tags": [tag.get("label") or tag.get("term") or "" for tag in entry.get("tags", [])],
        "authors": [author["name"] for author in entry.get("authors", []) if author.get("name")],
        "language": _language(entry),
        "published": dict.get(entry, "published") or None,  # not entry.get: it would take the one for the other
        "updated": dict.get(entry, "updated") or None,
        "published_parsed": None if parsed is None else _moment(parsed),
    }


def _moment(parsed: Any) -> str | None:
    year, month, day, hour, minute, second = parsed[:6]
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).isoformat()
    except ValueError:
        return None


def _body(entry: Any) -> tuple[str, str]:
    text: str = next((part["value"] for part in entry.get("content", []) if part.get("value")), "")
    summary: str = entry.get("summary") or ""
    if summary == text:  # feedparser fills the one from the other
        return "", text
    if len(summary) > SUMMARY_LIMIT:  # a whole article in the description
        return "", text or summary
    return summary, text


def _image(entry: Any, content: str) -> str | None:
    media = [
        *(part.get("url") for part in entry.get("media_content", []) if _is_image(part)),
        *(part.get("url") for part in entry.get("media_thumbnail", [])),
        *(part.get("href") for part in entry.get("enclosures", []) if (part.get("type") or "").startswith("image/")),
        (entry.get("image") or {}).get("href"),
    ]
    url = next((url for url in media if url and not url.startswith("data:")), None)
    return url or _image_in(content)


def _image_in(content: str) -> str | None:
    """The first image of a text in HTML, but for the dots that count readers."""
    from selectolax.lexbor import LexborHTMLParser

    if "<img" not in content:
        return None
    for image in LexborHTMLParser(content).css("img[src]"):
        dot = {image.attributes.get("width"), image.attributes.get("height")} & {"0", "1"}
        source = image.attributes["src"] or ""
        if not dot and not source.startswith("data:"):
            return source or None
    return None


def _is_image(part: Mapping[str, str]) -> bool:
    medium, kind = part.get("medium"), part.get("type") or ""
    return medium == "image" or kind.startswith("image/") or not (medium or kind)


def _language(entry: Any) -> str | None:
    details = [*entry.get("content", []), entry.get("title_detail", {})]
    return entry.get("language") or next(filter(None, (part.get("language") for part in details)), None)
