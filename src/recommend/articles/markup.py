"""Markup turned into plain text: HTML tags, entities and the shortcodes of content systems.

One pass from left to right over tags as the HTML standard cuts them. No tree is built: on hostile markup (formatting
nested out of order, tags of a hundred thousand attributes) the tree that the standard asks for takes time and memory
that grow with the square of its length, and all that a tree would say here is which parts are hidden.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TAG_NAMES = (
    "a|abbr|acronym|address|area|article|aside|audio|b|base|bdi|bdo|big|blockquote|body|br|button|canvas|caption|center"
    "|cite|code|col|colgroup|data|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer"
    "|form|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|map|mark|menu|meta|nav"
    "|nobr|noscript|object|ol|optgroup|option|p|param|picture|pre|q|rp|rt|ruby|s|samp|script|section|select|small|source"
    "|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|tt"
    "|u|ul|var|video|wbr"
)
_MARKUP = re.compile(
    rf"</?(?=[a-z][a-z0-9]{{0,9}}[\s/>])(?:{_TAG_NAMES})(?=[\s/>])"  # few of what begins like a tag is looked up
    r"|<!--|<!\[CDATA\[|<!doctype|&(?:[a-z]{2,8}|#\d{1,7}|#x[0-9a-f]{1,6});",
    re.IGNORECASE,
)
_OPENING = re.compile(r"<(?:(/?)([a-zA-Z][^\s/>]{0,63})|!--|[!?/])")
_TAG_END = re.compile(
    r"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|(?![\"'])))*+>"
)  # a quotation mark counts behind = only
_COMMENT_END = re.compile(r"--!?>")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_ZEROS = re.compile(r"(&#[xX]?)0{8,}+")
_HUGE_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{9,}+|[0-9]{9,}+);?")  # of no character; Python refuses the number

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "dialog", "dir",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section", "summary",
    "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
})  # fmt: skip
_CELLS = frozenset({"td", "th"})
_HIDDEN = frozenset({
    "aside", "audio", "button", "canvas", "figure", "form", "nav", "noscript", "object", "rp", "rt", "select", "svg",
    "template", "video",
})  # fmt: skip
_RAW = {  # what stands in them is no markup, and none of it is text of the article
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "iframe", "xmp", "noembed", "noframes")
}
_CONTAINERS = _HIDDEN | {
    "address", "article", "blockquote", "body", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "html", "li", "main",
    "menu", "ol", "pre", "ruby", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
"""The elements whose end also ends what was left open in them: no inline element does."""

_SHORTCODE = re.compile(r"\[(/?)([a-zA-Z][\w-]*+)([^\[\]]*+)\]")
_ATTRIBUTE = re.compile(r"\s+[\w-]++\s?=\s?[\"'“”„″&]")
_EMBEDDED = re.compile(r"\[embed\b[^\[\]]*+\][^\[\]]*+\[/embed\]")
_BUILDERS = ("vc_", "et_pb_", "fusion_", "av_", "wpb_", "nectar_", "mk_")
_LONE = frozenset({"gallery", "playlist", "embed", "nextpage", "toc"})


def has_markup(value: str) -> bool:
    """Whether a text holds an HTML tag or an entity."""
    return _MARKUP.search(value) is not None


def without_markup(value: str) -> str:
    """The text of HTML: entities resolved, scripts, captions and other hidden parts dropped, each block on a line of
    its own and each cell of a table apart from the next.

    A table in a ``figure`` is text. What stands behind a comment or a script that is never closed is hidden, as it is
    in a browser.
    """
    joined = "".join(_pieces(_CDATA.sub("", value).replace("\n", " ")))
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", _ZEROS.sub(r"\g<1>0", joined)))


def without_shortcodes(value: str) -> str:
    """A text without ``[gallery ids="1,2"]``, ``[vc_row]`` and the like; what stands between two of them stays, and so
    does what is merely put in brackets: [sic], [1], […]."""
    if "[" not in value:
        return value
    value = _EMBEDDED.sub(" ", value)
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for match in _SHORTCODE.finditer(value):
        names[bool(match[1])].add(match[2])
    paired = names[True] & names[False]

    def replacement(match: re.Match[str]) -> str:
        end, name, rest = match.groups()
        if name.startswith(_BUILDERS):
            return "\n"
        known = name in paired or (name in _LONE and not end)
        if _ATTRIBUTE.match(rest) or (known and (end or not rest.strip(" /") or "=" in rest)):
            return " "
        return match[0]

    return _SHORTCODE.sub(replacement, value)


def _pieces(value: str) -> Iterator[str]:
    hiding = _Hiding()
    position, quotes = 0, True
    while (match := _OPENING.search(value, position)) is not None:
        if not hiding.active:
            yield value[position : match.start()]
        name = (match[2] or "").lower()
        if match[0] == "<!--":
            position = _behind_comment(value, match.end())
            continue
        end = _TAG_END.match(value, match.end()) if quotes else None
        quotes = end is not None  # one that is left open would be looked for anew from each tag
        position = value.find(">", match.end()) + 1 if end is None else end.end()
        if not position:
            return  # a tag that is never closed
        if match[1]:
            hiding.close(name)
        elif name in _RAW:
            closing = _RAW[name].search(value, position)
            if closing is None:
                return
            position = closing.start()
        elif name and not (name in {"svg", "math"} and value[position - 2] == "/"):
            hiding.open(name)
        if not hiding.active:
            yield "\n" if name in _BLOCKS else " " if name in _CELLS else ""
    if not hiding.active:
        yield value[position:]


def _behind_comment(value: str, start: int) -> int:
    if value.startswith((">", "->"), start):  # <!--> and <!---> are whole comments
        return value.index(">", start) + 1
    end = _COMMENT_END.search(value, start)
    return len(value) if end is None else end.end()


class _Hiding:
    """Which elements are open, and whether one of them hides what stands in it."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []  # name, and whether it is hidden
        self._times: dict[str, int] = {}

    @property
    def active(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def open(self, name: str) -> None:
        if name not in _CONTAINERS:
            return
        shown_in_figure = name == "table" and self._only_figures()
        hidden = name in _HIDDEN or (self.active and not shown_in_figure)
        self._open.append((name, hidden))
        self._times[name] = self._times.get(name, 0) + 1

    def close(self, name: str) -> None:
        if not self._times.get(name):
            return
        closed = ""
        while closed != name:
            closed, _ = self._open.pop()
            self._times[closed] -= 1

    def _only_figures(self) -> bool:
        return all(not self._times.get(name) for name in _HIDDEN - {"figure"})
