"""Links in the markup of texts: where writers send their readers, and in which words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from recommend.articles.limits import LINE_LIMIT
from recommend.articles.text import clean_line

MOST_LINKS = 1_000
"""Of one article that are kept; a page of links tells of none of them."""

_OPENING = re.compile(r"<a\s([^<>]{1,4000}+)>", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![^\s\"'])href\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++))", re.IGNORECASE)
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
