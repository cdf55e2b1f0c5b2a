"""What stands for the words of a language in lexical search, where their first five letters say too little.

Snowball's stemmers (Porter, 2001) take off endings, and the prefixes of Arabic. Not that of Turkish, which takes the
ends of bare stems too: there five letters find as much as a lemmatiser (Can et al., JASIST 59, 2008). Vietnamese writes
syllables apart and tells them by tones: two neighbours are what other languages call a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "yi": "yiddish",
}  # fmt: skip
_LISTS = {"nb": "no", "nn": "no"}
TONAL = "vi"

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


def lowered(word: str, language: str | None) -> str:
    """A word in lower case, its accents as one character with their letters; Turkish has an i of its own."""
    if language == "tr":
        word = word.replace("İ", "i").replace("I", "ı")
    return unicodedata.normalize("NFC", word.lower())
