"""XML of unknown kind: a feed, a sitemap or a WordPress export, told apart by how it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from recommend.errors import SourceError
from recommend.sources.stream import ByteStream

_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_WORDPRESS = re.compile(rb"wordpress\.org/export/")


def kind(start: bytes) -> Literal["feed", "sitemap", "wordpress", "page"]:
    """What a document is that begins with these bytes; what is nothing else is tried as a feed."""
    root = _ROOT.search(_COMMENT.sub(b"", start))
    name = b"" if root is None else root[1].lower()
    if name in {b"urlset", b"sitemapindex"}:
        return "sitemap"
    if name == b"html":
        return "page"
    return "wordpress" if name == b"rss" and _WORDPRESS.search(start) else "feed"


def elements(stream: ByteStream, tag: str) -> Iterator[Any]:
    """The elements of a local name, wherever they are, in bounded memory.

    Raises:
        SourceError: it is not well-formed, or declares entities.
    """
    opened: list[Any] = []
    try:
        for event, element in iterparse(stream, events=("start", "end")):
            if event == "start":
                opened.append(element)
                continue
            opened.pop()
            if local_name(element) == tag:
                yield element
                if opened:
                    opened[-1].remove(element)
    except ParseError as problem:
        raise SourceError(f"{stream.name} is not well-formed XML: {problem}") from None
    except DefusedXmlException as problem:
        raise SourceError(f"{stream.name} is refused: {problem}") from None


def texts(element: Any) -> dict[str, str]:
    """The texts of an element's own children by local name, the first of each; empty ones are left out."""
    found: dict[str, str] = {}
    for child in element:
        if child.text and child.text.strip():
            found.setdefault(local_name(child), child.text.strip())
    return found


def local_name(element: Any) -> str:
    """'loc' of '{http://www.sitemaps.org/schemas/sitemap/0.9}loc'."""
    return str(element.tag).rpartition("}")[2]
