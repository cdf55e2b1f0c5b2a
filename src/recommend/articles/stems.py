"""What stands for the words of a language in lexical search, where their first five letters say too little.

Snowball's stemmers (Porter, 2001) take off endings. Not that of Turkish, which takes the ends of bare stems too: there
five letters find as much as a lemmatiser (Can et al., JASIST 59, 2008). Vietnamese writes syllables apart and tells
them by tones: two neighbours are what other languages call a word.

Beside a word stand its character n-grams, but in languages where nothing was gained: they find what prefixes, compounds
and long endings hide (McNamee and Mayfield, Information Retrieval 7, 2004).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

_SNOWBALL = {
    "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "es": "spanish", "et": "estonian", "eu": "basque",
    "fi": "finnish", "fr": "french", "ga": "irish", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nb": "norwegian", "nl": "dutch", "nn": "norwegian", "no": "norwegian",
    "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
}  # fmt: skip
_LISTS = {"nb": "no", "nn": "no"}
TONAL = "vi"
BESIDE = "-"
"""What terms begin with that stand beside a word's own: no word does."""
_NGRAM = 4
_WITHOUT_NGRAMS = frozenset({"en", "es", "it"})
_ARTICLE = re.compile("^(?:[وفبكل]?ال|لل)(?=..)")  # of Arabic, with what is written before it

Stem = Callable[[str], str]


@cache
def stemmer(language: str | None) -> Stem | None:
    """What takes a word, see :func:`lowered`, to its stem; None for English, and where five first letters do as well.

    Args:
        language: the primary part of a BCP 47 tag.
    """
    if language == TONAL:
        return lambda word: word
    if language not in _SNOWBALL:
        return None
    import Stemmer

    stem: Stem = Stemmer.Stemmer(_SNOWBALL[language], 0).stemWord
    return lambda word: stem(word) or word


@cache
def stop_words(language: str | None) -> frozenset[str]:
    """Words of a language that say nothing of a text, in lower case; none for English, whose list comes with a
    snapshot, and for a language that has no list."""
    if language is None or language == "en":
        return frozenset()
    import stopwordsiso

    known = _LISTS.get(language, language)
    words: set[str] = stopwordsiso.stopwords(known) if stopwordsiso.has_lang(known) else set()
    return frozenset(lowered(word, None) for word in words if " " not in word)


def ngrams(word: str, language: str) -> tuple[str, ...]:
    """The character 4-grams of a word, see :func:`lowered`, its ends among them; none of a number, and in a language
    that does as well without."""
    if language in _WITHOUT_NGRAMS or any(map(str.isdecimal, word)):
        return ()
    edged = f"_{without_article(word)}_"
    return tuple(f"{BESIDE}{edged[i : i + _NGRAM]}" for i in range(max(len(edged) - _NGRAM + 1, 1)))


def without_article(word: str) -> str:
    """A word without the article that Arabic writes before it; any other as it is."""
    return _ARTICLE.sub("", word)


def lowered(word: str, language: str | None) -> str:
    """A word in lower case, its accents as one character with their letters; Turkish has an i of its own."""
    if language == "tr":
        word = word.replace("İ", "i").replace("I", "ı")
    return unicodedata.normalize("NFC", word.lower())
