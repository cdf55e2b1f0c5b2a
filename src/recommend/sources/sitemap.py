"""Sitemaps (https://www.sitemaps.org) and news sitemaps: the articles of the pages they name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.limits import PAGE_LIMIT, SITEMAP_LIMIT
from recommend.sources.page import read_page
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream
from recommend.sources.web import Web

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
    fetched = 0
    for number, (kind, url, known) in enumerate(_named(data, stream), start=1):
        if kind == "sitemap":
            yield from _below(url, stream.name, number, web, above | {stream.name})
            continue
        if fetched:
            web.wait()
        fetched += 1
        try:
            page = web.fetch(url, PAGE_LIMIT)
            yield from read_page(_stream(page.data, page.url), page.url, known, content_type=page.content_type)
        except SourceError as problem:
            yield Reject(stream.name, number, url, None, "", str(problem))


def _named(data: bytes, stream: ByteStream) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The sitemaps and pages that are named, and what is told of each; a sitemap may also be a text of addresses."""
    if xml.is_list(data[:4096]):
        for line in data.decode(errors="replace").split():
            yield "url", line, {}
        return
    for element in xml.elements(
        _stream(xml.with_references(data), stream.name, is_utf8=stream.is_utf8), "sitemap", "url"
    ):
        if element is not None:
            yield xml.local_name(element), xml.texts(element).get("loc", ""), _news(element)


def _news(url: Any) -> dict[str, str]:
    """What a news sitemap tells of a page."""
    news = [child for child in url if xml.local_name(child) == "news"]
    told = [xml.texts(element) for element in news]
    told += [xml.texts(child) for element in news for child in element if xml.local_name(child) == "publication"]
    texts_by_name = {name: value for texts in told for name, value in texts.items()}
    fields = {"title": "title", "published_at": "publication_date", "language": "language"}
    return {field: texts_by_name[name] for field, name in fields.items() if name in texts_by_name}


def _below(url: str, source: str, number: int, web: Web, above: frozenset[str]) -> Iterator[Row]:
    try:
        if url in above or len(above) > _DEEPEST:
            raise SourceError(f"{url} is a sitemap that leads back to itself, or lies too deep")
        fetched = web.fetch(url, SITEMAP_LIMIT)
        yield from read_sitemap(_stream(fetched.data, fetched.url), web, above)
    except SourceError as problem:
        yield Reject(source, number, None, None, "", str(problem))


def _stream(data: bytes, name: str, *, is_utf8: bool = False) -> ByteStream:
    stream = ByteStream(io.BytesIO(data), name)
    stream.is_utf8 |= is_utf8
    return stream
