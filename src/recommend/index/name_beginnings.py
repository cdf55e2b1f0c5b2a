"""Words that name nothing alone: those that a corpus mostly writes before the rest of a name ("Peter", "Hurricane")."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from recommend.articles.capitals import in_headline_case, without_possessive, words_of

NEWEST = 30_000
"""Articles that are enough to tell."""
_LEAST, _SHARE = 3, 0.6
_COMMON = 0.1
_BETWEEN = re.compile(r" (?:(?:al|bin|da|das|de|del|della|den|der|des|di|do|dos|du|el|ibn|la|le|van|von) ){0,2}")


def name_beginnings(headlines: Iterable[str]) -> frozenset[str]:
    """The words, as written, that at least three of some articles write before another name, and six in ten of those
    that write them with a capital; neither of the two is often written small, as "the" and "province" are.

    Args:
        headlines: title and standfirst of each article, a line each; those in headline case tell nothing.
    """
    capitals, small, pairs = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for headline in headlines:
        said, followed = set[str](), set[tuple[str, str]]()
        for line in headline.split("\n"):
            words = words_of(line)
            if not in_headline_case(words):
                said.update(without_possessive(word[0]) for word in words)
                followed.update(_followed(line, words))
        capitals.update(word for word in said if word[:1].isupper())
        small.update(word for word in said if word[:1].islower())
        pairs.update(followed)

    def is_name(word: str) -> bool:
        return small[word.lower()] < _COMMON * capitals[word]

    before = Counter[str]()
    for (word, rest), count in pairs.items():
        if is_name(word) and is_name(rest):
            before[word] += count
    return frozenset(one for one, count in before.items() if count >= max(_LEAST, _SHARE * capitals[one]))


def _followed(line: str, words: list[re.Match[str]]) -> Iterator[tuple[str, str]]:
    """The words of a line that begin with a capital, each with the next one, where that does too and stands beside it
    or after particles."""
    named = [word for word in words if word[0][0].isupper()]
    for word, rest in pairwise(named):
        if _BETWEEN.fullmatch(line, word.end(), rest.start()):
            yield word[0], without_possessive(rest[0])
