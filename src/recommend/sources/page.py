"""Web pages: the article in them, found by trafilatura."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from recommend.errors import SourceError
from recommend.sources.encoding import decode
from recommend.sources.limits import PAGE_LIMIT
from recommend.sources.parsing import ParsingError, parse
from recommend.sources.row import Reject, Row, public_rows
from recommend.sources.stream import ByteStream


def read_page(
    stream: ByteStream,
    url: str | None = None,
    known: Mapping[str, object] | None = None,
    *,
    content_type: str = "",
) -> Iterator[Row]:
    """The article of a page, or the reject that says why there is none.

    Args:
        stream: the page.
        url: where it is from; without one the page must name its own.
        known: fields that someone tells for certain, such as a news sitemap.
        content_type: as the server says.

    Raises:
        SourceError: the extra ``pages`` is not installed.
    """
    if importlib.util.find_spec("trafilatura") is None:
        raise SourceError(f"{stream.name} is a web page: pip install 'related-articles[pages]' to read those")
    data = stream.read(PAGE_LIMIT + 1)
    if len(data) > PAGE_LIMIT:
        yield Reject(stream.name, None, url, None, "", f"has more than {PAGE_LIMIT:,} bytes, too many for a page")
        return
    try:
        page = parse("page", data, {"content-type": content_type, "url": url or ""})
    except ParsingError as problem:
        yield Reject(stream.name, None, url, None, "", str(problem))
        return
    row, address = page["row"], page["address"]
    if row is None or not address or not (row["title"] or (known or {}).get("title")):
        reason = "is a page without an article" if row is None or address else "is a page that does not name its URL"
        yield Reject(stream.name, None, url, None, "", reason)
        return
    known = known or {}
    instead = row if "published_at" in known else {"published_at": page["guessed"]}
    yield from public_rows({**row, **known}, stream.name, 1, base_url=address, instead=instead)


def find_article(data: bytes, told: Mapping[str, str]) -> dict[str, object]:
    """What a page tells of itself, as JSON has it; runs in a process of its own, see ``parsing``."""
    from lxml import etree
    from trafilatura import bare_extraction
    from trafilatura.utils import load_html
    from trafilatura.xml import xmltotxt

    text, url = decode(data, told["content-type"]), told["url"] or None
    tree = load_html(text)  # which gives up at a depth of 256: others take time that grows with the square of it
    if tree is None:
        return {"row": None, "address": url}
    address = _address(tree, url)
    article: Any = bare_extraction(tree, url=url, with_metadata=True, include_comments=False, include_links=True)
    if article is None:
        return {"row": None, "address": address}
    links = [urljoin(address or "", link.get("target")) for link in article.body.iter("ref") if link.get("target")]
    etree.strip_tags(article.body, "ref")
    row = {
        "id": address,
        "title": article.title,
        "text": xmltotxt(article.body, include_formatting=False),
        "links_to": links,
        "summary": article.description,
        "url": address,
        "image_url": _meta(tree, "og:image") or article.image,
        "published_at": _meta(tree, "article:published_time") or article.date,
        "updated_at": _meta(tree, "article:modified_time"),
        "section": _meta(tree, "article:section") or next(iter(article.categories or []), None),
        "tags": article.tags or [],
        "authors": [name.strip() for name in (article.author or "").split(";") if name.strip()],
        "language": _language(tree),
        "site": None if address is None else urlsplit(address).hostname,
    }
    return {"row": row, "address": address, "guessed": article.date}


def _address(tree: Any, url: str | None) -> str | None:
    """Where a page is: what it says of itself is believed within its own host and below the root."""
    start = urljoin(url or "", next((base.get("href") for base in tree.iter("base") if base.get("href")), ""))
    links = [link.get("href") for link in tree.iter("link") if (link.get("rel") or "").lower() == "canonical"]
    for link in filter(None, [*links, None if url else _meta(tree, "og:url")]):
        try:
            named = str(urljoin(start, link.strip()))
            parts = urlsplit(named)
        except ValueError:
            continue
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            continue
        if (parts.path.strip("/") or parts.query) and (url is None or _site(named) == _site(url)):
            return named
    return url


def _site(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _meta(tree: Any, name: str) -> str | None:
    element: Any = next((meta for meta in tree.iter("meta") if meta.get("property") == name), None)
    return None if element is None else str(element.get("content") or "").strip() or None


def _language(tree: Any) -> str | None:
    return next((html.get("lang") for html in tree.iter("html") if html.get("lang")), None)
