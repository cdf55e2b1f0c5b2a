"""Words that are written with a capital and name nothing by themselves: nationalities, creeds, offices, days, months.

``nationalities.txt`` holds those of English, French, German and Turkish, which write them so: the demonyms of
countryinfo 1.0.1 and i18n-nationality 1.4.0 (both MIT), and peoples, creeds and parts of the world; in lower
case without accents.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from recommend.articles.capitals import without_possessive
from recommend.articles.languages import primary_language
from recommend.articles.text import folded

_FILE = Path(__file__).with_name("nationalities.txt")
_WORD = re.compile(r"[\w’'.-]+")
_OFFICES = frozenset(
    """
    archbishop authority bishop board capital captain centre chairman chancellor chief day democratic deputy
    director economic emperor executive federal first force forces foreign former general god governor group
    head highness interior international judge justice king left lieutenant lord majesty mayor member military
    minister ministry mr mrs ms mt mw national new office officials opposition pope president presidential prime
    prince princess queen representatives republican royal second secretary senator sheikh social speaker special
    spokesperson supreme the tsar united vice
    """.split()  # noqa: SIM905 - a list of words
)


_BODIES = frozenset(
    """
    administration agency army cabinet church city coast commission committee company congress constitution
    corporation council country county court department district federation government house monarchy navy
    oblast parliament party police province region republic river senate state states summit territory town
    union university war world
    """.split()  # noqa: SIM905 - a list of words
)


def names_nothing(written: str, language: str | None) -> bool:
    """Whether a phrase holds only words that name nothing by themselves: "Finnish", "Prime Minister", "Monday",
    or one body of a state that all have: "Parliament".

    Args:
        written: as it stands in a text.
        language: of the text, BCP 47.
    """
    plain = folded(written)
    if plain in _BODIES or _is_common(plain, language):
        return True
    return all(_is_common(word, language) for word in _WORD.findall(plain))


def _is_common(plain: str, language: str | None) -> bool:
    stem = without_possessive(plain)
    if "-" in stem and not nationalities().isdisjoint(stem.split("-")):  # "pro-Turkish", "Greek-flagged"
        return True
    return any(
        word in nationalities() or word in _OFFICES or word in _calendar(primary_language(language or "en"))
        for word in (stem, stem.removesuffix("s"), stem.removesuffix("e"))
    )


@cache
def nationalities() -> frozenset[str]:
    """Adjectives and nouns of nationality, in lower case without accents."""
    return frozenset(_FILE.read_text(encoding="utf-8").split("\n"))


@cache
def _calendar(language: str) -> frozenset[str]:
    """Names of days and months in a language, none where it is not known."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale(language)
    except (UnknownLocaleError, ValueError):
        return frozenset()
    return frozenset(folded(name) for of in (locale.days, locale.months) for name in of["format"]["wide"].values())
