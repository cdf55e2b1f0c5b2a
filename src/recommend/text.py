"""Article text preparation: markup removed, whitespace settled, sentences and tokens cut."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Set
from functools import lru_cache
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

_MARKUP = re.compile(
    r"</?(?:a|abbr|article|aside|b|blockquote|body|br|button|caption|cite|code|dd|div|dl|dt|em|figcaption|figure|footer"
    r"|form|h[1-6]|header|hr|html|i|iframe|img|li|link|main|meta|nav|noscript|ol|p|picture|pre|q|s|script|section|small"
    r"|source|span|strong|style|sub|sup|svg|table|tbody|td|template|th|thead|time|tr|u|ul|video)(?=[\s/>])"
    r"|<!--|<!\[CDATA\[|<!doctype|&(?:[a-z]{2,8}|#\d{1,7}|#x[0-9a-f]{1,6});",
    re.IGNORECASE,
)
_DROPPED = "script, style, noscript, template, iframe, svg, form, nav, figure, aside, button, head > title"
_BLOCK = re.compile(
    r"</?(?:p|div|br|li|ul|ol|tr|table|blockquote|pre|section|article|header|footer|h[1-6]|hr)(?=[\s/>])", re.IGNORECASE
)
_MOST_TAGS = 5_000  # parsers take time that grows with the square of the depth, and no article needs so many
_SCRIPT = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>", re.IGNORECASE | re.DOTALL)
_SCRIPT_END = re.compile(r"</(?:script|style)\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_ASCII_WORD = re.compile(r"[a-zA-Z0-9]+")  # the same words, in a fourth of the time
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_FOREIGN = re.compile(r"[^\x00-\x7f‘’“”–—…]")
_STEM = 5
_PLURAL = re.compile(r"(?<=..[^sui])s$")
_COMBINING = re.compile(r"[\u0300-\u036f]+")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+(?=[\"'“‘«(\[¿¡]*[A-Z0-9À-ÖØ-ÞА-Я])|[。！？]+[」』”]*|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Maj|Jr|Sr|Prof|Rev|vs|No|approx"
    r"|Jan|Feb|Aug|Sept?|Oct|Nov|Dec|z\.\s?B|bzw|ca|Nr)|\b\d{1,2})\.\s+$"
)


def clean_text(value: str) -> str:
    """Body text without markup: entities resolved, scripts and captions dropped, blocks kept apart by a blank line.

    Text that holds no HTML tag and no entity is only settled in whitespace and Unicode form (NFC).
    """
    if _MARKUP.search(value):
        value = _without_markup(value)
    value = unicodedata.normalize("NFC", _CONTROL.sub(" ", value))
    return _BREAKS.sub("\n\n", _SPACES.sub(" ", value)).strip()


def clean_line(value: str) -> str:
    """The same for a headline or a standfirst: one line."""
    return " ".join(clean_text(value).split())


def _without_markup(value: str) -> str:
    if value.count("<") > _MOST_TAGS:
        return _without_many_tags(value)
    one_line = _CDATA.sub("", value).replace("\n", " ")
    tree = LexborHTMLParser(_BLOCK.sub(lambda match: f"\n{match[0]}", one_line))
    for node in tree.css(_DROPPED):
        node.decompose()
    return tree.body.text(deep=True, separator="") if tree.body is not None else ""


def lead_sentence(text: str, limit: int = 280) -> str:
    """The first sentence of a body, cut at a word and marked with an ellipsis when longer than ``limit`` characters."""
    end = len(text)
    for match in _SENTENCE_END.finditer(text):
        if match.start() > 0 and not _ABBREVIATION.search(text[: match.end()]):
            end = match.end()
            break
        if match.end() > limit:
            break
    sentence = text[:end].strip()
    if len(sentence) <= limit:
        return sentence
    cut = sentence[: limit - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut}…"


def _without_many_tags(value: str) -> str:
    ends = [match.end() for match in _SCRIPT_END.finditer(value)]
    last = ends[-1] if ends else 0  # behind it no script ends, and looking for an end from each start takes too long
    return html.unescape(_TAG.sub("\n", _SCRIPT.sub("", value[:last]) + value[last:]))


class Span(NamedTuple):
    """A word in a text: ``text[start:end]`` as written, and the terms that stand for it in lexical search."""

    start: int
    end: int
    terms: tuple[str, ...]


def terms(text: str, stop_words: Set[str] = frozenset()) -> list[str]:
    """The terms of a text for lexical search, in order.

    A word gives its first five characters, in lower case, without accents and plural s: cutting words short is a
    stemmer for any language (McNamee and Mayfield, Information Retrieval 7, 2004). A word written with a capital gives
    that once more with the capital, so that names weigh more than the same letters in other words. Single characters
    and ``stop_words`` (lower case, without accents) give nothing.

    Runs of a script that is written without spaces, or glues its particles on (Chinese, Japanese, Korean, Thai, Lao,
    Khmer, Burmese), give overlapping pairs of characters.
    """
    found: list[str] = []
    for word in (_ASCII_WORD if text.isascii() else _WORD).findall(text):
        plain, own = _word_terms(word)
        if plain not in stop_words:
            found += own
    return found


def spans(text: str, wanted: Set[str]) -> list[Span]:
    """The words of a text that stand for at least one of the terms ``wanted``, in order, see :func:`terms`."""
    found: list[Span] = []
    for match in _WORD.finditer(text) if _FOREIGN.search(text) else _beginning(text, wanted):
        own = _word_terms(match[0])[1]
        if wanted.isdisjoint(own):
            continue
        start = match.start()
        if _UNSPACED_WORD.match(match[0]):
            pairs = [Span(start + i, start + i + len(pair), (pair,)) for i, pair in enumerate(own)]
            found += [pair for pair in pairs if not wanted.isdisjoint(pair.terms)]
        else:
            found.append(Span(start, match.end(), own))
    return found


def _beginning(text: str, wanted: Set[str]) -> Iterator[re.Match[str]]:
    """The words of a text in ASCII letters that begin like one of the terms: no others can stand for it."""
    lower = text.lower()
    starts: set[int] = set()
    for stem in {term.lower() for term in wanted}:
        start = lower.find(stem)
        while start >= 0:
            if start == 0 or not lower[start - 1].isalnum():
                starts.add(start)
            start = lower.find(stem, start + 1)
    for start in sorted(starts):
        match = _WORD.match(text, start)
        if match:
            yield match


@lru_cache(maxsize=2**17)
def _word_terms(word: str) -> tuple[str, tuple[str, ...]]:
    """A word in lower case without accents, and its terms; a run of unspaced script as it is, and its pairs."""
    if not word.isascii() and _UNSPACED_WORD.match(word):
        return word, tuple(word[i : i + 2] for i in range(max(len(word) - 1, 1)))
    plain = word.lower() if word.isascii() else _without_accents(word)
    if len(plain) < 2:
        return plain, ()
    stem = _PLURAL.sub("", plain)[:_STEM]
    return plain, (stem, stem.capitalize()) if word[0].isupper() else (stem,)


def _without_accents(word: str) -> str:
    return _COMBINING.sub("", unicodedata.normalize("NFKD", word.casefold()))
