"""The phrases that readers see, in their language: a Fluent file for each in ``wording``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recommend.articles.languages import primary_language

if TYPE_CHECKING:
    from fluent.runtime import FluentBundle

_WORDING = Path(__file__).parent / "wording"
_SOURCE = "en"
LANGUAGES = frozenset(path.stem for path in _WORDING.glob("*.ftl"))
"""Those that have phrases; in any other they are English."""

_IN_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COMMA = {"ar": "، "}


def phrase(name: str, language: str | None, **values: str) -> str:
    """One phrase, with values in it.

    Args:
        name: of the phrase.
        language: BCP 47; None, and one without phrases, stands for English.
        values: by name in the phrase.
    """
    parts = _parts(name, _known(language), tuple(values))
    return "".join(values[part] if i % 2 else part for i, part in enumerate(parts))


def enumeration(names: Sequence[str], language: str | None) -> str:
    """Names one after the other."""
    return _COMMA.get(_known(language), ", ").join(names)


def distance(age: timedelta, language: str | None) -> str:
    """How far one publication lies from another: "two days earlier", "same day", "3 months later"."""
    days = round(abs(age) / timedelta(days=1))
    if days == 0:
        return phrase("same-day", language)
    if days < 14:
        count, unit = days, "days"
    elif days < 60:
        count, unit = round(days / 7), "weeks"
    elif days < 700:
        count, unit = round(days / 30.4), "months"
    else:
        count, unit = round(days / 365.25), "years"
    return _counted(f"{unit}-{'earlier' if age < timedelta(0) else 'later'}", _known(language), count)


def _known(language: str | None) -> str:
    primary = _SOURCE if language is None else primary_language(language)
    return primary if primary in LANGUAGES else _SOURCE


@cache
def _parts(name: str, language: str, values: tuple[str, ...]) -> list[str]:
    """What stands in a phrase before, between and after its values, and between these the names of the values."""
    return _formatted(name, language, {value: f"\0{value}\0" for value in values}).split("\0")


@lru_cache(maxsize=4_096)
def _counted(name: str, language: str, count: int) -> str:
    written = _IN_WORDS[count] if language == _SOURCE and count < len(_IN_WORDS) else str(count)
    return _formatted(name, language, {"count": count, "number": written})


def _formatted(name: str, language: str, values: dict[str, Any]) -> str:
    bundle = _bundle(language)
    pattern = bundle.get_message(name).value
    assert pattern is not None
    text, problems = bundle.format_pattern(pattern, values)
    assert not problems, problems
    return str(text)


@cache
def _bundle(language: str) -> FluentBundle:
    from fluent.runtime import FluentBundle, FluentResource  # a quarter of a second, which only answers shall pay

    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource((_WORDING / f"{language}.ftl").read_text(encoding="utf-8")))
    return bundle
