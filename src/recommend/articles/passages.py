"""Where in a text a link may be set: its running text, without links, headings, quotations and the like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_MARKUP = re.compile(r"</?[A-Za-z]")
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9-]*)")
_SIGN = re.compile(r"[\"'>]")
_BROKEN = re.compile(r"&[#\w]{1,32};")
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)
_QUOTED = re.compile(r"“[^“”]{0,1000}”|„[^„“”]{0,1000}[“”]|«[^«»]{0,1000}»|\"[^\"\n]{0,1000}\"")
_CLOSED = frozenset(
    {"a", "blockquote", "button", "cite", "code", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "q"}
    | {"script", "select", "style", "textarea", "title"}
)
_RAW = frozenset({"script", "style", "textarea", "title"})


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of running text: ``text`` stands at ``start`` of the whole, in characters."""

    start: int
    text: str


def passages(body: str) -> list[Passage]:
    """The pieces of a body, HTML or plain, in which a link may be set, in order; each ends where markup, an entity or a
    quotation begins. Markup that does not end leaves nothing after it. Takes time linear in the length."""
    pieces = _outside(body) if _MARKUP.search(body) else _without(_HEADING, Passage(0, body))
    return [part for piece in pieces for part in _without(_QUOTED, piece) if part.text.strip()]


def _outside(html: str) -> Iterator[Passage]:
    open_: Counter[str] = Counter()
    at = 0
    for start, end in _tags(html):
        if start > at and not open_:
            yield from _without(_BROKEN, Passage(at, html[at:start]))
        at = end
        name = _name(html, start)
        if name in _CLOSED:
            if html[start + 1] != "/":
                open_[name] += 1
            elif open_[name] > 1:
                open_[name] -= 1
            else:
                del open_[name]
    if at < len(html) and not open_ and "<" not in html[at:]:
        yield from _without(_BROKEN, Passage(at, html[at:]))


def _tags(html: str) -> Iterator[tuple[int, int]]:
    """Where the tags and comments begin and end; what is inside scripts and the like is passed over."""
    at = 0
    while (start := html.find("<", at)) >= 0:
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4) + 3
        elif html[start + 1 : start + 2] in {"!", "?"}:
            end = html.find(">", start) + 1
        elif _MARKUP.match(html, start):
            end = _end(html, start + 1)
        else:
            at = start + 1
            continue
        if end <= start:
            return
        yield start, end
        at = end
        if (name := _name(html, start)) in _RAW and html[start + 1] != "/":
            close = re.compile(f"</{name}", re.IGNORECASE).search(html, end)
            if close is None:
                return
            at = close.start()


def _end(html: str, at: int) -> int:
    """Where the tag ends that ``at`` lies in, quoted values passed over; 0 where it does not."""
    while sign := _SIGN.search(html, at):
        if sign[0] == ">":
            return sign.end()
        at = html.find(sign[0], sign.end()) + 1
        if not at:
            break
    return 0


def _name(html: str, start: int) -> str:
    name = _NAME.match(html, start + 1)
    return name[1].lower() if name else ""


def _without(pattern: re.Pattern[str], passage: Passage) -> Iterator[Passage]:
    """The parts of a passage around what matches."""
    at = 0
    for gap in pattern.finditer(passage.text):
        yield Passage(passage.start + at, passage.text[at : gap.start()])
        at = gap.end()
    yield Passage(passage.start + at, passage.text[at:])
