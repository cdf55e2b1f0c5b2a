"""Words as they are written, where a capital may tell that they are of a name."""

from __future__ import annotations

import re

_HEADLINE_CASE = 0.7
_WORD = re.compile(r"\w[\w’'-]*")


def words_of(line: str) -> list[re.Match[str]]:
    """The words of a line, each with what a hyphen or an apostrophe joins to it."""
    return list(_WORD.finditer(line))


def in_headline_case(words: list[re.Match[str]]) -> bool:
    """Whether most of some words begin with a capital, so that it tells nothing."""
    return sum(word[0][0].isupper() for word in words) > _HEADLINE_CASE * len(words)


def without_possessive(word: str) -> str:
    """A word without an ending ``'s``."""
    return word.removesuffix("'s").removesuffix("’s")
