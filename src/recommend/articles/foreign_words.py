"""Which texts are not in English, told by their words: those that say little, and those with letters that English has
not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from recommend.articles.stems import lowered, stop_words

_LETTERS = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 200
_LEAST = 6

Words = tuple[str, ...]


def foreign_words(texts: Iterable[str]) -> list[Words]:
    """What speaks against English in each of some texts, empty where nothing does, or no more than for it.

    For English speak its stop words among the first 200 words of a text; against it those of one other language, and
    words with letters beyond ASCII. Most English headlines hold a word that is a stop word somewhere: so a language
    counts only where six more words speak for it than for English, in all the texts together that hold more of its
    own than of English.
    """
    words = [_words(text) for text in texts]
    english = _english()
    against = [[word for word in each if word not in english] for each in words]
    votes = [_votes(each, len(all_words) - len(each)) for each, all_words in zip(against, words, strict=True)]
    found: list[Words] = [()] * len(words)
    rest = {i for i, each in enumerate(votes) if each}
    while rest:
        total = Counter[str]()
        for i in rest:
            total.update(votes[i])
        language, most = min(total.items(), key=lambda one: (-one[1], one[0]))
        if most < _LEAST:
            break
        for i in [i for i in rest if language in votes[i]]:
            found[i] = tuple(
                word for word in against[i] if not word.isascii() or language in _languages().get(word, ())
            )
            rest.remove(i)
    return found


def _words(text: str) -> list[str]:
    return [lowered(word, None) for word in _LETTERS.findall(text, 0, 20 * _LOOKED_AT)[:_LOOKED_AT]]


def _votes(words: list[str], english: int) -> dict[str, int]:
    """By language, how many more words speak for it than for English, where any do; of no English stop words."""
    beyond = sum(not word.isascii() for word in words)
    votes = Counter(language for word in words if word.isascii() for language in _languages().get(word, ()))
    votes.update(dict.fromkeys([*_all(), ""] if beyond else [], beyond))
    return {language: count - english for language, count in votes.items() if count > english}


@cache
def _english() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


@cache
def _all() -> frozenset[str]:
    return frozenset[str]().union(*_languages().values())


@cache
def _languages() -> dict[str, frozenset[str]]:
    """The languages of which a word of two letters or more is a stop word, by word."""
    import stopwordsiso

    languages_of: dict[str, set[str]] = {}
    for language in stopwordsiso.langs():
        for word in stop_words(language):
            if len(word) > 1:
                languages_of.setdefault(word, set()).add(language)
    return {word: frozenset(languages) for word, languages in languages_of.items()}
