"""Links in the markup of texts: where writers send their readers, and in which words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain, islice

import orjson

from recommend.articles.addresses import canonical_url, read_address
from recommend.articles.limits import LINE_LIMIT, MOST_STRINGS, STRING_LIMIT
from recommend.articles.text import clean_line

MOST_LINKS = 1_000
"""Of one article that are kept; a page of links tells of none of them."""

RELATED_FIELDS = ("related", "related_articles", "related_posts", "related_ids", "see_also")
"""Unknown fields of a row in which editors list what belongs to it: ids, addresses, or objects that have one."""

_NAMES = ("id", "url", "link", "href")
_ELSEWHERE = ("#", "mailto:", "tel:", "javascript:", "data:")
_OPENING = re.compile(r"<a\s([^<>]{1,4000}+)>", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![^\s\"'])href\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++))", re.IGNORECASE)
_BETWEEN = re.compile(r"\s{0,9}(?:[;|\n]|,\s)\s{0,9}")
_CLOSING = re.compile(r"</a\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it was written: its address, which may be relative, its words, and where in the text it begins."""

    address: str
    words: str
    offset: int = field(default=0, compare=False)


_kept: ContextVar[dict[str, list[Link]] | None] = ContextVar("links", default=None)


@contextmanager
def keeping_links() -> Iterator[dict[str, list[Link]]]:
    """Keeps, by article id, the links of every article that is read within: texts are stored without."""
    kept: dict[str, list[Link]] = {}
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)


def keep_links(article_id: str, text: object) -> None:
    """Keeps the links of an article's text where somebody asked for them."""
    kept = _kept.get()
    if kept is not None and isinstance(text, str):
        kept[article_id] = list(links(text))


def links(text: str) -> Iterator[Link]:
    """The first MOST_LINKS links of a text with markup, in time proportional to its length."""
    position, found = 0, 0
    while found < MOST_LINKS and (opening := _OPENING.search(text, position)) is not None:
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            return
        position, found = closing.end(), found + 1
        told = _ADDRESS.search(opening[1])
        address = html.unescape(told[1] or told[2] or told[3] or "").strip() if told else ""
        if address and len(address) <= LINE_LIMIT:
            yield Link(address, clean_line(text[opening.end() : closing.start()]), opening.start())


def linked_names(text: object, extra: Mapping[str, object], url: str | None) -> list[str]:
    """What an article links to, in its fields of related articles and then in its text, which has markup: the first
    MOST_STRINGS ids and canonical addresses. ``url`` is its own: relative addresses start there, and it is no link.
    In a field of related articles, only what begins with ``/`` is known for one, and may be an id all the same."""
    written = links(text) if isinstance(text, str) else ()
    in_text = (linked_name(link.address, url) for link in written if len(link.address) <= STRING_LIMIT)
    listed = (linked_name(name, start) for name, start in _starts(extra, url) if len(name) <= STRING_LIMIT)
    own = None if url is None else canonical_url(url)
    names = (name for name in dict.fromkeys(chain(listed, in_text)) if name != own and not name.startswith(_ELSEWHERE))
    return [*islice(filter(is_kept, names), MOST_STRINGS)]


def is_kept(name: str) -> bool:
    """Whether an address is short enough in its canonical form, in which a character may become twelve."""
    return len(name) <= LINE_LIMIT


def _starts(extra: Mapping[str, object], url: str | None) -> Iterator[tuple[str, str | None]]:
    """What related fields name, and where each may start."""
    for name in related(extra):
        yield name, None
        if name.startswith("/"):
            yield name, url


def linked_name(name: str, url: str | None = None) -> str:
    """An address in canonical form, a relative one from ``url`` on; what is none as it is, as ids are."""
    try:
        whole = read_address(name, url if (url or "").startswith("http") else None)
    except ValueError:
        return name
    return name if whole is None else canonical_url(whole)


def related(extra: Mapping[str, object]) -> Iterator[str]:
    """The ids and addresses in the fields RELATED_FIELDS of an article's unknown fields, as they were written."""
    for field_name in RELATED_FIELDS:
        listed = separated(extra.get(field_name))
        for one in listed if isinstance(listed, list) else [listed]:
            names = map(one.get, _NAMES) if isinstance(one, Mapping) else (one,)
            yield from (str(name) for name in names if isinstance(name, str | int) and name != "")


def separated(value: object) -> object:
    """A string, as a cell of a table holds it, as the list that it writes: in JSON, or with ``;``, ``|`` or a comma and
    a blank between its parts, as none of these is in an address."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return [part for part in _BETWEEN.split(value.strip()) if part]
