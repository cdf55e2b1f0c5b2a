"""Sitemaps (https://www.sitemaps.org) and news sitemaps: the articles of the pages they name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.page import PAGE_LIMIT, read_page
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream
from recommend.sources.web import Web

SITEMAP_LIMIT = 50 * 2**20
"""Bytes of one sitemap, unpacked, as the protocol has it."""

_DEEPEST = 3


def read_sitemap(stream: ByteStream, web: Web, above: frozenset[str] = frozenset()) -> Iterator[Row]:
    """The article of each page, fetched one after the other; what a news sitemap tells goes before the page's own word.

    A page, or a sitemap of an index, that cannot be fetched becomes a reject.

    Args:
        stream: the sitemap, or an index of sitemaps.
        web: how pages are fetched.
        above: the sitemaps that led to this one.

    Raises:
        SourceError: it is not well-formed.
    """
    data = stream.read(SITEMAP_LIMIT + 1)
    if len(data) > SITEMAP_LIMIT:
        raise SourceError(f"{stream.name} has more than {SITEMAP_LIMIT:,} bytes, too many for a sitemap")
    for number, element in enumerate(xml.elements(_stream(data, stream.name), "sitemap"), start=1):
        yield from _below(xml.texts(element).get("loc", ""), stream.name, number, web, above | {stream.name})
    for number, element in enumerate(xml.elements(_stream(data, stream.name), "url"), start=1):
        if number > 1:
            web.wait()
        url = xml.texts(element).get("loc", "")
        try:
            page = web.fetch(url, PAGE_LIMIT)
            yield from read_page(_stream(page.data, page.url), page.url, _news(element))
        except SourceError as problem:
            yield Reject(stream.name, number, url, None, "", str(problem))


def _news(url: Any) -> dict[str, str]:
    """What a news sitemap tells of a page."""
    news = [child for child in url if xml.local_name(child) == "news"]
    told = [xml.texts(element) for element in news]
    told += [xml.texts(child) for element in news for child in element if xml.local_name(child) == "publication"]
    found = {name: value for texts in told for name, value in texts.items()}
    fields = {"title": "title", "published_at": "publication_date", "language": "language"}
    return {field: found[name] for field, name in fields.items() if name in found}


def _below(url: str, source: str, number: int, web: Web, above: frozenset[str]) -> Iterator[Row]:
    try:
        if url in above or len(above) > _DEEPEST:
            raise SourceError(f"{url} is a sitemap that leads back to itself, or lies too deep")
        fetched = web.fetch(url, SITEMAP_LIMIT)
        yield from read_sitemap(_stream(fetched.data, fetched.url), web, above)
    except SourceError as problem:
        yield Reject(source, number, None, None, "", str(problem))


def _stream(data: bytes, name: str) -> ByteStream:
    return ByteStream(io.BytesIO(data), name)
