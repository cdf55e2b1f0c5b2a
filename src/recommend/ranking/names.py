"""The names that two articles share: people, places, organisations, works, as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from recommend.articles.text import spans
from recommend.index.lexical import Lexicon, TermMatrix

_A_NAME = 0.6
_RARE, _FEW = 0.05, 10
_HEADLINE_CASE = 0.7
_NATIONALITY = re.compile(r"\w+(?:ish|ese|ian|ean|can)s?|French|Dutch|Greek|Thai|Iraqi|Israeli|Pakistani|Afghan|German")
_WORD = re.compile(r"\w[\w’'-]*")


@dataclass(frozen=True, slots=True)
class Names:
    """Terms that name something, and those of them that few articles have."""

    all: frozenset[str]
    rare: frozenset[str]


def names_among(terms: Set[str], lexicon: Lexicon, matrix: TermMatrix) -> Names:
    """Which of some terms are names in a corpus.

    A word is a name where most of the articles that have it write it with a capital, also those in which it begins no
    sentence; in a script without capitals any word may be one.
    """
    stems = sorted({term.lower() for term in terms})
    if not stems:
        return Names(frozenset(), frozenset())
    columns = lexicon.columns([form for stem in stems for form in (stem, stem.capitalize())])
    starts = matrix.postings.indptr
    known = np.maximum(columns, 0)
    counts = np.where(columns < 0, 0, starts[known + 1] - starts[known]).reshape(-1, 2).tolist()
    most = max(_FEW, _RARE * matrix.rows.shape[0])
    found, rare = set[str](), set[str]()
    for stem, (with_it, capital) in zip(stems, counts, strict=True):
        if with_it and (stem == stem.upper() or capital >= _A_NAME * with_it):
            found |= {stem, stem.capitalize()}
            if with_it <= most:
                rare |= {stem, stem.capitalize()}
    return Names(frozenset(found), frozenset(rare))


def names_in(phrases: Sequence[str], texts: Sequence[str], known: Names | None) -> list[str]:
    """Of phrases that two articles share, the names: none unless at least one is rare.

    A run of words with capitals is a name as far as both texts have it; a piece of a longer one is none ("Oblast" of
    two different ones). No number is, and no nationality alone, which too much has in common.

    Args:
        phrases: as one of the texts writes them.
        texts: headlines and standfirsts.
        known: which terms are names; None: whatever is written with a capital.
    """
    found: dict[str, None] = {}
    for phrase in phrases:
        for run in _runs(phrase):
            whole = _whole(run, texts)
            if whole and _is_name(whole) and (known is None or _holds(whole, known.all)):
                found[whole] = None
    names = [one for one in found if not any(one != other and one in other for other in found)]
    return names if known is None or any(_holds(one, known.rare) for one in names) else []


def _runs(phrase: str) -> Iterator[str]:
    """The words of a phrase that begin with a capital, or a number after one, as long as they stand together; all of it
    in a script without capitals."""
    if phrase[0] == phrase[0].swapcase() and not phrase[0].isdigit():
        yield phrase
        return
    run: list[str] = []
    for word in [*phrase.split(" "), ""]:
        if word[:1].isupper() or (run and word[:1].isdigit()):
            run.append(word)
        elif run:
            yield " ".join(run)
            run = []


def _whole(run: str, texts: Sequence[str]) -> str | None:
    """A run with the capitalised words beside it that all texts have; None where others belong to it."""
    line = next((one for text in texts for one in text.split("\n") if run in one), "")
    words = list(_WORD.finditer(line))
    if sum(word[0][0].isupper() for word in words) > _HEADLINE_CASE * len(words):
        return run
    start = line.find(run)
    inside = [i for i, word in enumerate(words) if word.start() >= start and word.end() <= start + len(run)]
    if not inside:
        return run
    first, last = inside[0], inside[-1]
    while first > 0 and _beside(line, words[first - 1], words[first]) and not _begins(line, words[first - 1]):
        if not _in_all(words[first - 1][0], texts):
            return None
        first -= 1
    while last + 1 < len(words) and _beside(line, words[last], words[last + 1]):
        if not _in_all(words[last + 1][0], texts):
            return None
        last += 1
    return line[words[first].start() : words[last].end()].removesuffix("'s").removesuffix("’s")


def _beside(line: str, left: re.Match[str], right: re.Match[str]) -> bool:
    return line[left.end() : right.start()] == " " and left[0][0].isupper() and right[0][0].isupper()


def _begins(line: str, word: re.Match[str]) -> bool:
    return not line[: word.start()].strip() or line[: word.start()].rstrip()[-1] in ".!?:"


def _in_all(word: str, texts: Sequence[str]) -> bool:
    return all(re.search(rf"\b{re.escape(word)}", text) for text in texts)


def _holds(written: str, terms: Set[str]) -> bool:
    return any(not terms.isdisjoint(span.terms) for span in spans(written, terms))


def _is_name(written: str) -> bool:
    """Whether a phrase says who, where or what: written with a capital where the script has any, no number, and no
    nationality alone ("Finnish", "Malaysian"), which too much has in common."""
    if written[0] == written[0].swapcase():
        return not written[0].isdigit()
    return written[0].isupper() and not _NATIONALITY.fullmatch(written)
