"""A grammar of the repetitions that parsers fear most: texts of any size, each the same small thing over and over."""

from __future__ import annotations

import random
from collections.abc import Iterator

REPEATED: dict[str, str] = {
    "dots": ".",
    "dots apart": ". ",
    "sentence ends": ".”) ",
    "ellipses": "…!?",
    "initials": "U.S. ",
    "months": "Sept. 12. ",
    "spaces": " ",
    "odd spaces": "\u00a0\u2009",
    "newlines": "\n",
    "lines of spaces": " \n\t",
    "carriage returns": "\r",
    "control characters": "\x00\x07",
    "brackets": "[",
    "empty brackets": "[]",
    "shortcodes": "[vc_row a='",
    "shortcode ends": "[/vc_row]",
    "braces": '{"a":',
    "arrays": "[[",
    "quotes": '"',
    "both quotes": "\"'",
    "backslashes": "\\",
    "separators": ";|,",
    "tabs and commas": "\t,",
    "slashes": "/",
    "climbing": "../",
    "percent signs": "%",
    "percent escapes": "%41%",
    "ampersands": "&",
    "query pairs": "&a=b",
    "question marks": "?",
    "at signs": "@",
    "colons": ":",
    "hash marks": "#",
    "dashes": "-",
    "language subtags": "-a1",
    "digits": "7",
    "zeros": "0",
    "signs": "+-",
    "exponents": "1e9",
    "entities": "&amp;",
    "entities twice over": "&amp;amp;",
    "entities without an end": "&lt",
    "long entity": "&a",
    "digits of one reference": "&#1",
    "character references": "&#x1F600;",
    "halves of pairs": "&#xd800;",
    "less than": "<",
    "greater than": ">",
    "open tags": "<p",
    "closed tags": "<p>",
    "stray ends": "</p>",
    "unknown tags": "<x-y>",
    "empty tags": "<>",
    "blocks": "<div>",
    "block and paragraph": "<div><p>",
    "formatting": "<b>",
    "formatting of many kinds": "<a><b><i><u><em><tt><font><s>",
    "formatting with attributes": "<b a=1>",
    "formatting that overlaps": "<b><p></b>",
    "links in links": "<a href=x><p>",
    "attributes": " a=b",
    "attributes in quotes": " a='<'",
    "attribute without an end": "<a b='",
    "equals signs": "=",
    "comments": "<!-- -->",
    "comment starts": "<!--",
    "comment dashes": "<!---",
    "declarations": "<!x",
    "instructions": "<?x",
    "CDATA": "<![CDATA[",
    "CDATA ends": "]]>",
    "CDATA whole": "<![CDATA[x]]>",
    "scripts": "<script>",
    "script ends": "</script>",
    "scripts in scripts": "<script><!--<script>",
    "styles": "<style a>",
    "titles": "<title>",
    "text areas": "<textarea>",
    "hidden parts": "<nav><aside>",
    "figures": "<figure><table>",
    "drawings": "<svg><math>",
    "templates": "<template>",
    "tables": "<table><tr><td>",
    "cells": "<td>",
    "lists": "<ul><li>",
    "definitions": "<dl><dt>",
    "ruby": "<ruby><rt>",
    "selections": "<select><option>",
    "headings": "<h1>",
    "frames": "<frameset>",
    "line breaks": "<br>",
    "words": "word ",
    "capitals": "Word",
    "plurals": "ss",
    "underscores": "_",
    "mixed scripts": "aя",
    "one word": "a",
    "apostrophes": "’s ",
    "accents": "\u0301",
    "accents out of order": "\u0315\u0300",
    "accented letters": "e\u0301\u0323",
    "letters to compose": "ᄀ\u1161",
    "ligatures": "\ufdfa",
    "sharp s": "ß",
    "Devanagari signs": "क\u093f\u094d",
    "Hebrew points": "ש\u05c1\u05b8",
    "Arabic points": "م\u064e\u0651",
    "joiners": "\u200d",
    "joined letters": "क\u200d",
    "non-joiners": "می\u200c",
    "families": "👨\u200d👩\u200d",
    "variation selectors": "️",
    "soft hyphens": "a\u00ad",
    "invisible": "\u200b\u2060\ufeff",
    "directions": "\u202e\u2066",
    "tag characters": "\U000e0041",
    "flags": "🏴\U000e0067",
    "no spaces": "東京",
    "no spaces and marks": "กำ",
    "outside the plane": "𝕏",
    "dots between digits": "1.",
    "colons between digits": "1:",
    "zones": " EST",
    "hosts": "a.",
    "punycode": "xn--",
}
"""By name, what is repeated."""

NESTED: dict[str, tuple[str, str, str]] = {
    "nested blocks": ("<div>", "x", "</div>"),
    "nested formatting": ("<b>", "x", "</b>"),
    "nested formatting with attributes": ("<font color=red size=1>", "x", "</font>"),
    "nested formatting around paragraphs": ("<b><p>", "x", "</b>"),
    "nested lists": ("<ul><li>", "x", "</ul>"),
    "nested tables": ("<table><td>", "x", "</table>"),
    "nested quotations": ("<blockquote>", "x", "</blockquote>"),
    "nested hidden parts": ("<nav><div>", "x", "</nav>"),
    "nested figures": ("<figure><table>", "x", "</figure>"),
    "nested comments": ("<!--", "x", "-->"),
    "nested shortcodes": ("[b]", "x", "[/b]"),
    "nested brackets": ("(", "x", ")"),
    "nested quotes": ("“", "x", "”"),
    "nested arrays": ("[", "0", "]"),
    "nested objects": ('{"a":', "0", "}"),
    "nested elements": ("<a>", "x", "</a>"),
    "crossed ends": ("<div><section>", "x", "</div></section>"),
    "ends that fit nothing": ("<div>", "x", "</section>"),
}
"""By name, what opens, what stands inside and what closes."""

WRAPPED: dict[str, tuple[str, str, str]] = {
    "one tag of many attributes": ("<p ", "a=b ", ">x</p>"),
    "one tag of many attributes without an end": ("<p>x</p><p ", "a=b ", ""),
    "one attribute of a long value": ("<p a='", "x<", "'>y</p>"),
    "one attribute without an end": ("<p>x</p><p a='", "x>", ""),
    "one tag of a long name": ("<p>x</p><p", "x", ">"),
    "one reference of many digits": ("<p>&#", "1", ";</p>"),
    "one reference of many zeros": ("<p>&#x", "0", "41;</p>"),
    "one entity of a long name": ("<p>&", "a", ";</p>"),
    "one comment": ("<p>x</p><!--", "--", "-->"),
    "one script": ("<p>x</p><script>", "</scrip", "</script>"),
    "one script without an end": ("<p>x</p><script>", "</script ", ""),
    "one shortcode of many attributes": ("x [gallery ", 'a="b" ', "]"),
    "one shortcode without an end": ("x [gallery ", 'a="b" ', ""),
    "one sentence": ("A word", " and a word", "."),
    "dots behind a word": ("x", ".", ""),
    "dots before a word": ("", ".", " X"),
    "query of many pairs": ("https://news.example/?", "a=b&", ""),
    "query of tracking": ("https://news.example/?", "utm_source=b&", ""),
    "long path": ("https://news.example", "/a", ""),
    "path that climbs": ("https://news.example", "/a/..", ""),
    "path of escapes": ("https://news.example/", "%2e", ""),
    "long fragment": ("https://news.example/#!", "/a", ""),
    "long host": ("https://", "a.", "/"),
    "host of dots": ("https://a", ".", "/"),
    "host of digits": ("https://1.", "0", "1/"),
    "address of colons": ("https://[", "0:", "]/"),
    "user in an address": ("https://", "a@", "news.example/"),
    "long punycode": ("https://xn--", "a", ".example/"),
    "accents on a letter": ("a", "\u0315\u0300", ""),
    "accents on a letter in markup": ("<p>a", "&#x315;\u0300", "</p>"),
    "date of digits": ("2025-03-0", "3", ""),
    "date of fractions": ("2025-03-03T08:00:00.", "0", "Z"),
    "date of spaces": ("Mon, 03 Mar 2025", " ", "08:00:00 GMT"),
    "date of comments": ("Mon, 03 Mar 2025 08:00:00 ", "(", "GMT"),
    "date of zones": ("Mon, 03 Mar 2025 08:00:00 ", "EST ", ""),
    "epoch of digits": ("1", "0", ""),
    "language of subtags": ("en", "-x1", ""),
    "language of letters": ("en", "a", ""),
    "list of languages": ("en", ", de", ""),
    "tags": ("a", ";a b", ""),
    "tags of blanks": ("a", ";", ""),
}
"""By name, what comes once before, what is repeated, and what comes once behind."""

NAMES = [*REPEATED, *NESTED, *WRAPPED]


def hostile(name: str, size: int) -> str:
    """The text of this name, of ``size`` characters but for the rest of a repetition."""
    if name in REPEATED:
        unit = REPEATED[name]
        return unit * -(-size // len(unit))
    if name in NESTED:
        opening, inside, closing = NESTED[name]
        times = max(size // (len(opening) + len(closing)), 1)
        return opening * times + inside + closing * times
    before, unit, behind = WRAPPED[name]
    return before + unit * (max(size - len(before) - len(behind), len(unit)) // len(unit)) + behind


def mixed(chance: random.Random, size: int) -> str:
    """About ``size`` characters in which several repetitions follow each other or are wrapped into one another."""
    text = ""
    while len(text) < size:
        part = hostile(chance.choice(NAMES), chance.randint(1, max(size // 4, 2)))
        where = chance.choice([0, len(text), chance.randint(0, len(text))])
        text = text[:where] + part + text[where:]
    return text[:size]


def samples(size: int) -> Iterator[tuple[str, str]]:
    """Every repetition of the grammar with its name, at one size."""
    for name in NAMES:
        yield name, hostile(name, size)
