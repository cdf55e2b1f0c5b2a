"""Kinds of events that a headline tells of, by the words of its language: an earthquake, an election, a trial."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path

from recommend.articles.languages import primary_language
from recommend.articles.stems import lowered

_FILE = Path(__file__).with_name("event_kinds.toml")
_SOURCE = "en"
_TOLL = "toll"

SUDDEN = frozenset({
    "air-crash", "airstrike", "explosion", "fire", "landslide", "murder", "rail-crash", "road-crash", "shipwreck",
    "shooting", "stabbing",
})  # fmt: skip
"""Kinds of which another day's is another one."""


@lru_cache(maxsize=4_096)  # one headline is asked for with every story in its box, and in other boxes
def event_kinds(text: str, language: str | None) -> frozenset[str]:
    """The kinds of events that a text names; none in a language without words for them.

    Args:
        text: a headline and standfirst.
        language: BCP 47; None stands for English.
    """
    primary = _primary(language)
    pattern = _pattern(primary)
    if pattern is None:
        return frozenset()
    by_group, words = pattern
    kinds = frozenset(by_group[match.lastgroup or ""] for match in words.finditer(lowered(text, primary)))
    return kinds - {_TOLL}


@lru_cache(maxsize=4_096)
def counts_anew(text: str, language: str | None) -> bool:
    """Whether a headline says that it tells a new count ("the toll rises to 279"); arguments as of
    :func:`event_kinds`."""
    pattern = _pattern(_primary(language))
    if pattern is None:
        return False
    by_group, words = pattern
    return any(by_group[match.lastgroup or ""] == _TOLL for match in words.finditer(lowered(text, _primary(language))))


def name_of(kind: str, language: str | None) -> str:
    """What readers of a language call a kind of event; in English where that has no word for it."""
    words = _words()
    return (words.get(_primary(language), {}).get(kind) or words[_SOURCE][kind])[0].removesuffix("*")


def _primary(language: str | None) -> str:
    return _SOURCE if language is None else primary_language(language)


@cache
def _pattern(language: str) -> tuple[dict[str, str], re.Pattern[str]] | None:
    kinds = _words().get(language)
    if kinds is None:
        return None
    groups = {f"k{number}": kind for number, kind in enumerate(kinds)}
    parts = ("|".join(map(_expression, sorted(words, key=len, reverse=True))) for words in kinds.values())
    any_of = "|".join(f"(?P<{group}>{part})" for group, part in zip(groups, parts, strict=True))
    return groups, re.compile(rf"(?<!\w)(?:{any_of})(?!\w)")


def _expression(word: str) -> str:
    return re.escape(word.removesuffix("*").lower()) + (r"\w*+" if word.endswith("*") else "")


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    words: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return words
