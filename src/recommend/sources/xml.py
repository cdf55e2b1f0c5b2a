"""XML of unknown kind: a feed, a sitemap or a WordPress export, told apart by how it begins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from html.entities import html5
from typing import Any, Literal
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from recommend.errors import SourceError
from recommend.sources.encoding import decode, encoding_by_mark
from recommend.sources.limits import DEPTH_LIMIT, LINE_LIMIT, NAMES, NAMESPACE_LIMIT, NODES, TAG_LIMIT
from recommend.sources.stream import ByteStream

_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_WORDPRESS = re.compile(rb"wordpress\.org/export/")
_ADDRESSES = re.compile(rb"\s{0,99}https?://\S{1,2000}(?:\s|$)")
_ENCODING = re.compile(rb"""<\?xml\b[^<>]{0,1000}?\bencoding\s{0,9}=\s{0,9}["']utf-?(?:16|32)""", re.IGNORECASE)
_BARE = re.compile(rb"&(?!#(?:[0-9]{1,9}|x[0-9a-fA-F]{1,8});|(?:amp|lt|gt|quot|apos);)(?:[A-Za-z0-9]{2,32};)?")
_CHUNK = 2**16
_NODE = -(-LINE_LIMIT // NODES)  # what an element or an attribute counts beside its characters


def kind(start: bytes) -> Literal["feed", "sitemap", "wordpress", "page"]:
    """What a document is that begins with these bytes; what is nothing else is tried as a feed."""
    if encoding_by_mark(start):
        start = decode(start[: len(start) // 4 * 4]).encode()
    if is_list(start):
        return "sitemap"
    root = _ROOT.search(_without_comments(start))
    name = b"" if root is None else root[1].lower()
    if name in {b"urlset", b"sitemapindex"}:
        return "sitemap"
    if name == b"html":
        return "page"
    return "wordpress" if name == b"rss" and _WORDPRESS.search(start) else "feed"


def is_list(start: bytes) -> bool:
    """Whether a document is a text of addresses, one a line."""
    return _ADDRESSES.match(start) is not None


def with_references(data: bytes) -> bytes:
    """XML in which an ampersand that begins no reference stands for itself, and names of HTML for their characters;
    unchanged where that is so already, or where sections of character data would have to be told apart first."""
    return data if b"<![CDATA[" in data else _BARE.sub(_referred, data)


def _referred(found: re.Match[bytes]) -> bytes:
    characters = html5.get(found[0][1:].decode(), "")
    if not characters or characters.isascii():
        return b"&amp;" + found[0][1:]
    return "".join(f"&#{ord(character)};" for character in characters).encode()


def _without_comments(start: bytes) -> bytes:
    kept, position = bytearray(), 0
    while (comment := start.find(b"<!--", position)) >= 0:
        kept += start[position:comment]
        end = start.find(b"-->", comment)
        if end < 0:
            return bytes(kept)
        position = end + 3
    return bytes(kept + start[position:])


class _Builder:
    """Builds the outermost elements of some local names, and drops everything else as it is read."""

    def __init__(self, tags: Collection[str]) -> None:
        self.read = 0  # bytes handed to the parser up to the last event
        self.fed = 0
        self.ready: list[Element | None] = []
        self._tags = tags
        self._open = 0
        self._names: set[str] = set()
        self._depth = 0  # within the element that is being built
        self._size = 0
        self._tree: TreeBuilder | None = None

    def start_ns(self, _prefix: str, address: str) -> None:
        if len(address) > NAMESPACE_LIMIT:  # every name within would carry it along
            raise SourceError(f"names a namespace of more than {NAMESPACE_LIMIT:,} characters")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.read = self.fed
        self._open += 1
        self._names.add(tag)
        self._names.update(attributes)
        if len(self._names) > NAMES:  # the parser remembers each
            raise SourceError(f"has more than {NAMES:,} names of elements and attributes")
        if self._open > DEPTH_LIMIT:
            raise SourceError(f"is nested deeper than {DEPTH_LIMIT:,} elements")
        if not self._depth and tag.rpartition("}")[2] in self._tags:
            self._tree, self._size = TreeBuilder(), 0
        elif not self._depth:
            return
        self._depth += 1
        self._grow(_NODE * (1 + len(attributes)))
        if self._tree is not None:
            self._tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self.read = self.fed
        self._open -= 1
        if not self._depth:
            return
        if self._tree is not None:
            self._tree.end(tag)
        self._depth -= 1
        if not self._depth:
            self.ready.append(None if self._tree is None else self._tree.close())

    def data(self, text: str) -> None:
        self.read = self.fed
        if self._depth:
            self._grow(len(text))
            if self._tree is not None:
                self._tree.data(text)

    def comment(self, _text: str) -> None:
        self.read = self.fed

    def pi(self, _target: str, _data: str) -> None:
        self.read = self.fed

    def close(self) -> None:
        pass

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > LINE_LIMIT:
            self._tree = None


def elements(stream: ByteStream, *tags: str) -> Iterator[Element | None]:
    """The outermost elements of some local names, wherever they are, in bounded memory; None for one that has more
    characters, or more elements and attributes, than may be.

    Raises:
        SourceError: it is not well-formed, or declares entities, or holds a tag that is too long.
    """
    builder = _Builder(tags)
    start = stream.peek()
    encoding = "utf-8" if stream.is_utf8 or _ENCODING.search(start) else None
    parser = DefusedXMLParser(target=builder, encoding=encoding)
    leading = True
    try:
        while chunk := stream.read(_CHUNK):
            if leading:
                chunk = chunk.lstrip()
                leading = not chunk
            builder.fed += len(chunk)
            parser.feed(chunk)
            yield from _taken(builder)
            if builder.fed - builder.read > TAG_LIMIT:
                raise SourceError(f"holds a tag or a comment of more than {TAG_LIMIT:,} bytes")
        parser.close()
        yield from _taken(builder)
    except SourceError as problem:
        raise SourceError(f"{stream.name} is refused: it {problem}") from None
    except ParseError as problem:
        yield from _taken(builder)
        raise SourceError(f"{stream.name} is not well-formed XML: {problem}") from None
    except DefusedXmlException as problem:
        raise SourceError(f"{stream.name} is refused: {problem}") from None


def _taken(builder: _Builder) -> list[Element | None]:
    ready, builder.ready = builder.ready, []
    return ready


def texts(element: Any) -> dict[str, str]:
    """The texts of an element's own children by local name, the first of each; empty ones are left out."""
    by_name: dict[str, str] = {}
    for child in element:
        if child.text and child.text.strip():
            by_name.setdefault(local_name(child), child.text.strip())
    return by_name


def local_name(element: Any) -> str:
    """'loc' of '{http://www.sitemaps.org/schemas/sitemap/0.9}loc'."""
    return str(element.tag).rpartition("}")[2]
