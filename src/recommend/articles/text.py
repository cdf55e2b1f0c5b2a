"""Article text preparation: markup removed, whitespace normalised, sentences and tokens cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence, Set
from functools import cache, lru_cache
from itertools import groupby
from typing import NamedTuple

from recommend.articles.limits import MARKS_A_LETTER, WORD_LIMIT
from recommend.articles.markup import has_markup, without_markup, without_shortcodes
from recommend.articles.stems import BESIDE, TONAL, lowered, ngrams, stemmer, without_article
from recommend.articles.stems import stop_words as stop_words_of

_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_BREAKS = re.compile(r" ?\n[ \n]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WIDTHLESS = "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_JOINERS = "\u200c\u200d"  # which change letters of some scripts and make one picture of several
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f"
_UNSEEN = re.compile(f"({_FLAG})|[{_WIDTHLESS}]")
_JOINED = "\u0590-\u1dbf\u2190-\U0010ffff"
_STRAY_JOINER = re.compile(f"(?<![{_JOINED}])[{_JOINERS}]+|[{_JOINERS}]+(?![{_JOINED}{_JOINERS}])")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_ASCII_WORD = re.compile(r"[a-zA-Z0-9]+")  # the same words, in a fourth of the time
_PLAIN_WORD = re.compile(r"[^\W_]+")
_ODD = re.compile(  # where all marks, characters without width and scripts without spaces lie
    r"[\xad\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u2c00-\U0010ffff]"
)
_PERHAPS_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MARKS_A_LETTER + 1}}}")
_FOREIGN = re.compile(r"[^\x00-\x7f‘’“”–—…]")
_STEM = 5
_PLURAL = re.compile(r"(?<=..[^sui])s$")
_SUFFIX = re.compile(r"(?<=\w)['’]\w++")  # which Turkish sets off from a name
_OPTIONAL = re.compile(  # accents of Latin, Greek and Cyrillic; the vowels of Hebrew and Arabic, which most texts lack
    r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670\u06d6-\u06dc"
    rf"\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed{_WIDTHLESS}{_JOINERS}]+"
)
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+\s++(?=[\"'“‘«(\[¿¡]*+[A-Z0-9À-ÖØ-ÞА-Я])|[。！？।॥؟۔]++[」』”]*+|\n++"
)
_PERHAPS_END = re.compile(r"[.!?…。！？।॥؟۔\n]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Maj|Jr|Sr|Prof|Rev|vs|No|approx"
    r"|Jan|Feb|Aug|Sept?|Oct|Nov|Dec|z\.\s?B|bzw|ca|Nr)|\b\d{1,2})\.\s+$"
)
_LONGEST_ABBREVIATION = 8


def clean_text(value: str) -> str:
    """Body text without markup: entities resolved, scripts and captions dropped, blocks kept apart by a blank line.

    Text that holds no HTML tag and no entity is only normalised: whitespace, Unicode form (NFC), no shortcodes and no
    characters without width, but for joiners that change what letters look like.
    """
    if has_markup(value):
        value = without_markup(value)
    odd = not value.replace("\n", "").isprintable()
    if odd:
        value = _UNSEEN.sub(r"\1", _CONTROL.sub(" ", value))
    value = without_shortcodes(value)
    if not value.isascii():
        value = _settled(value)
    if odd or "  " in value:
        value = _SPACES.sub(" ", value)
    return _BREAKS.sub("\n\n", value).strip()


def _settled(value: str) -> str:
    if "\u200c" in value or "\u200d" in value:
        value = _STRAY_JOINER.sub("", value)
    if _PERHAPS_MARKS.search(value):
        value = _long_runs_of_marks().sub(r"\1", value)
    return unicodedata.normalize("NFC", value)


def clean_line(value: str) -> str:
    """The same for a headline or a standfirst: one line."""
    return " ".join(clean_text(value).split())


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, with the white space behind them, so that joined they are the text again."""
    start = 0
    for mark in _PERHAPS_END.finditer(text):  # a plain class of characters is found in a fourth of the time
        match = _SENTENCE_END.match(text, mark.start()) if mark.start() >= start else None
        if match is None:
            continue
        before = text[max(match.start() - _LONGEST_ABBREVIATION, 0) : match.end()]
        if "\n" in match[0] or not _ABBREVIATION.search(before):
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


def lead_sentence(text: str, limit: int = 280) -> str:
    """The first sentence of a body, cut at a word and marked with an ellipsis when longer than ``limit`` characters."""
    beginning, end = text[: 2 * limit], len(text)
    for match in _SENTENCE_END.finditer(beginning):
        before = text[max(match.start() - _LONGEST_ABBREVIATION, 0) : match.end()]
        if match.start() > 0 and not _ABBREVIATION.search(before):
            end = match.end()
            break
        if match.end() > limit:
            break
    sentence = text[:end].strip()
    if len(sentence) <= limit:
        return sentence
    cut = sentence[: limit - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut}…"


class Span(NamedTuple):
    """A word in a text: ``text[start:end]`` as written, and the terms that stand for it in lexical search."""

    start: int
    end: int
    terms: tuple[str, ...]


def terms(text: str, stop_words: Set[str] = frozenset(), language: str | None = None) -> list[str]:
    """The terms of a text for lexical search, in order.

    A word gives its first five characters, in lower case, without accents and plural s: cutting words short is a
    stemmer for any language (McNamee and Mayfield, Information Retrieval 7, 2004). A word written with a capital gives
    that once more with the capital, so that names weigh more than the same letters in other words. Single characters
    and ``stop_words`` (lower case, without accents) give nothing.

    Runs of a script that is written without spaces, or glues its particles on (Chinese, Japanese, Korean, Thai, Lao,
    Khmer, Burmese), give overlapping pairs of characters.

    Marks belong to their word, but those that a text may leave out, accents and the vowels of Hebrew and Arabic, are
    not looked at, and neither are characters without width.

    In another ``language`` than English (its primary BCP 47 tag) the stop words are its own, and a word gives its stem
    in place of the five characters, where :mod:`recommend.articles.stems` knows one. What a capital gives stays, so
    that names are the same in every language. Beside them come its n-grams, and what two neighbours are together.
    """
    all_terms: list[str] = []
    pattern = _ASCII_WORD if text.isascii() else _any_word() if _ODD.search(text) else _PLAIN_WORD
    if language is not None and language != "en":
        return _foreign_terms(_SUFFIX.sub("", text) if language == "tr" else text, pattern, language)
    for word in pattern.findall(text):
        plain, own = _word_terms(word) if len(word) <= WORD_LIMIT else _terms_of(word)
        if plain not in stop_words:
            all_terms += own
    return all_terms


def _foreign_terms(text: str, pattern: re.Pattern[str], language: str) -> list[str]:
    found: list[str] = []
    before = ""
    for word in pattern.findall(text):
        stem, own = _foreign_word(word[:WORD_LIMIT], language) if len(word) <= WORD_LIMIT else ("", _terms_of(word)[1])
        found += own
        if language == TONAL:
            if before and stem:
                found.append(f"{BESIDE}{before}_{stem}")
            before = stem
    return found


@lru_cache(maxsize=2**15)
def _foreign_word(word: str, language: str) -> tuple[str, tuple[str, ...]]:
    """A word's stem, empty where it has none, and its terms, none for a stop word."""
    lower, own, stem = lowered(word, language), _terms_of(word)[1], stemmer(language)
    if lower in stop_words_of(language):
        return "", ()
    if _UNSPACED_WORD.match(word):
        return "", own
    stemmed = stem(lower) if stem else ""
    if not own:
        return stemmed, ()
    bare = (lambda text: text) if language == TONAL else folded
    first = bare(stemmed) if stem else own[0]
    return stemmed, (first, *own[1:], *ngrams(bare(lower), language))


def spans(text: str, wanted: Set[str], *, often: bool = False) -> list[Span]:
    """The words of a text that stand for at least one of the terms ``wanted``, in order, see :func:`terms`; one that is
    asked for ``often`` is looked through once."""
    if often:
        places = _places(text)
        together = {span.start: span for term in wanted for span in places.get(term, ())}
        return [together[start] for start in sorted(together)]
    if not text.isascii() and _FOREIGN.search(text):
        return [span for span in _all_spans(text) if not wanted.isdisjoint(span.terms)]
    # here a word begins with each of its terms, so that few words need be looked at
    lower, found = text.lower(), dict[int, Span]()
    for term in {one.lower() for one in wanted if one}:
        start = lower.find(term)
        while start >= 0:
            if start not in found and not (start and lower[start - 1].isalnum()):
                word = _ASCII_WORD.match(text, start)
                own = () if word is None else _terms_of(word[0])[1]
                if word is not None and not wanted.isdisjoint(own):
                    found[start] = Span(start, word.end(), own)
            start = lower.find(term, start + 1)
    return [found[start] for start in sorted(found)]


def runs(text: str, words: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """Words of a text, in order, by runs of neighbours: with a space or a hyphen between them, or nothing where the
    script has no spaces."""
    start = 0
    for i, word in enumerate(words, start=1):
        if i == len(words) or text[word.end : words[i].start] not in {"", " ", "-"}:
            yield words[start:i]
            start = i


@lru_cache(maxsize=16)
def _places(text: str) -> dict[str, list[Span]]:
    """The words of a text by the terms that they stand for."""
    places = dict[str, list[Span]]()
    for span in _all_spans(text):
        for term in span.terms:
            places.setdefault(term, []).append(span)
    return places


@lru_cache(maxsize=256)  # one headline is asked for with every story in its box
def _all_spans(text: str) -> tuple[Span, ...]:
    spans_in_order: list[Span] = []
    for match in (_any_word() if _FOREIGN.search(text) else _PLAIN_WORD).finditer(text):
        own, start = _terms_of(match[0])[1], match.start()
        if _UNSPACED_WORD.match(match[0]):
            spans_in_order += [Span(start + i, start + i + len(pair), (pair,)) for i, pair in enumerate(own)]
        else:
            spans_in_order.append(Span(start, match.end(), own))
    return tuple(spans_in_order)


@cache
def _marks() -> str:
    """All combining marks but those of scripts without spaces, as a regular expression's class holds them."""
    codes = [*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0)]
    marks = [code for code in codes if unicodedata.category(chr(code)) in {"Mn", "Mc", "Me"}]
    ranges = groupby(enumerate(code for code in marks if not _UNSPACED_WORD.match(chr(code))), lambda at: at[1] - at[0])
    runs = ([code for _, code in run] for _, run in ranges)
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


@cache
def _long_runs_of_marks() -> re.Pattern[str]:
    return re.compile(f"([{_marks()}]{{{MARKS_A_LETTER}}})[{_marks()}]++")


@cache
def _any_word() -> re.Pattern[str]:
    letters, within = rf"[^\W_{_UNSPACED}]", f"[{_marks()}{_WIDTHLESS}{_JOINERS}]"
    # the look ahead spares a search in a long class where a plain space follows
    return re.compile(rf"[{_UNSPACED}]++|{letters}++(?:(?=[^\x00-\xac]){within}++{letters}*+)*+")


def _terms_of(word: str) -> tuple[str, tuple[str, ...]]:
    """A word in lower case without accents, and its terms; a run of unspaced script as it is, and its pairs."""
    if len(word) <= WORD_LIMIT:
        return _word_terms(word)
    if _UNSPACED_WORD.match(word):
        return word, _pairs(word)
    return _word_terms(word[:WORD_LIMIT])


@lru_cache(maxsize=2**17)
def _word_terms(word: str) -> tuple[str, tuple[str, ...]]:
    if not word.isascii() and _UNSPACED_WORD.match(word):
        return word, _pairs(word)
    plain = word.lower() if word.isascii() else folded(word)
    if len(plain) < 2:
        return plain, ()
    stem = without_article(_PLURAL.sub("", plain))[:_STEM]
    return plain, (stem, stem.capitalize()) if word[0].isupper() else (stem,)


def _pairs(word: str) -> tuple[str, ...]:
    return tuple(word[i : i + 2] for i in range(max(len(word) - 1, 1)))


def folded(word: str) -> str:
    """A word in lower case, without accents."""
    return _OPTIONAL.sub("", unicodedata.normalize("NFKD", word.casefold()))
