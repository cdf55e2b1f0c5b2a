"""Web pages: the article in them, found by trafilatura."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from recommend.errors import SourceError
from recommend.sources.row import Reject, Row, parse_row
from recommend.sources.stream import ByteStream

PAGE_LIMIT = 16 * 2**20
"""Bytes of one page."""


def read_page(stream: ByteStream, url: str | None = None, known: Mapping[str, object] | None = None) -> Iterator[Row]:
    """The article of a page, or the reject that says why there is none.

    Args:
        stream: the page.
        url: where it is from; without one the page must name its own.
        known: fields that someone tells for certain, such as a news sitemap.

    Raises:
        SourceError: the extra ``pages`` is not installed.
    """
    try:
        from trafilatura import bare_extraction
    except ImportError:
        raise SourceError(f"{stream.name} is a web page: pip install 'related-articles[pages]' to read those") from None
    data = stream.read(PAGE_LIMIT + 1)
    if len(data) > PAGE_LIMIT:
        yield Reject(stream.name, None, url, None, "", f"has more than {PAGE_LIMIT:,} bytes, too many for a page")
        return
    tree = LexborHTMLParser(data)
    found: Any = bare_extraction(data, url=url, with_metadata=True, include_comments=False)
    address = _canonical(tree, url)
    if found is None or not address or not (found.title or (known or {}).get("title")):
        reason = "is a page without an article" if found is None or address else "is a page that does not name its URL"
        yield Reject(stream.name, None, url, None, "", reason)
        return
    row: dict[str, object] = {
        "id": address,
        "title": found.title,
        "text": found.text,
        "summary": found.description,
        "url": address,
        "image_url": found.image,
        "published_at": _meta(tree, "article:published_time") or found.date,
        "updated_at": _meta(tree, "article:modified_time"),
        "section": _meta(tree, "article:section") or next(iter(found.categories or []), None),
        "tags": found.tags or [],
        "authors": [name.strip() for name in (found.author or "").split(";") if name.strip()],
        "language": _language(tree),
        "site": urlsplit(address).hostname,
    }
    yield parse_row({**row, **(known or {})}, stream.name, 1)


def _canonical(tree: LexborHTMLParser, url: str | None) -> str | None:
    link = tree.css_first('link[rel="canonical"][href^="http"]')
    return url if link is None else link.attributes["href"]


def _meta(tree: LexborHTMLParser, name: str) -> str | None:
    found = tree.css_first(f'meta[property="{name}"]')
    return None if found is None else found.attributes.get("content")


def _language(tree: LexborHTMLParser) -> str | None:
    html = tree.css_first("html[lang]")
    return None if html is None else html.attributes["lang"] or None
