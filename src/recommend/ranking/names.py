"""The names that two articles share: people, places, organisations, works, as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.articles.capitals import without_possessive
from recommend.articles.languages import primary_language
from recommend.articles.text import spans, terms
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon
from recommend.ranking.common_names import names_nothing
from recommend.ranking.name_forms import has_capitals, whole_name
from recommend.ranking.places import extent

IntArray = NDArray[np.int64]

_A_NAME = 0.6
_RARE, _FEW = 0.05, 10
_OF = (
    "of the ", "of ", "de la ", "de ", "del ", "do ", "da ", "des ", "dos ", "du ", "von der ", "von ", "van der ",
    "van den ", "van ", "bin ", "ibn ",
)  # fmt: skip
_NEXT = re.compile(r"[^\W\d_][\w’-]*")
_BEFORE = ("", ".", "!", "?", ":")
"""What a sentence begins after."""


@dataclass(frozen=True, slots=True)
class Names:
    """Terms that name something, and those of them that few articles have; and words, as written, that name nothing
    alone, see :mod:`recommend.index.name_beginnings`."""

    all: frozenset[str]
    rare: frozenset[str]
    beginnings: Set[str] = frozenset()

    def with_rare(self, terms: Set[str]) -> Names:
        """These, and rare ones beside them."""
        new = _forms({term.lower() for term in terms})
        return Names(self.all | new, self.rare | new, self.beginnings) if new else self


def names_among(terms: Set[str], lexicon: Lexicon, matrix: TermMatrix, beginnings: Set[str] = frozenset()) -> Names:
    """Which of some terms are names in a corpus.

    A word is a name where most of the articles that have it write it with a capital, also those in which it begins no
    sentence; in a script without capitals any word may be one.
    """
    return names_among_each([terms], lexicon, matrix, beginnings)[0]


def names_among_each(
    lists: Sequence[Set[str]], lexicon: Lexicon, matrix: TermMatrix, beginnings: Set[str] = frozenset()
) -> list[Names]:
    """The same of several sets of terms, each by itself."""
    stems = [{term.lower() for term in terms} for terms in lists]
    ordered = sorted(set().union(*stems))
    forms = [form for stem in ordered for form in (stem, stem.capitalize())]
    counts = frequencies(forms, lexicon, matrix).reshape(-1, 2).tolist() if forms else []
    most = _most(matrix)
    names, rare = set[str](), set[str]()
    for stem, (with_it, capital) in zip(ordered, counts, strict=True):
        if with_it and (stem == stem.upper() or capital >= _A_NAME * with_it):
            names.add(stem)
            if with_it <= most:
                rare.add(stem)
    return [Names(_forms(own & names), _forms(own & rare), beginnings) for own in stems]


def _forms(stems: Set[str]) -> frozenset[str]:
    return frozenset(form for stem in stems for form in (stem, stem.capitalize()))


def unheard(texts: Sequence[str], languages: Sequence[str | None], lexicon: Lexicon) -> frozenset[str]:
    """The terms of words that all of some texts, each in a language, write with a capital, one of them inside of a
    sentence, and that no article of the corpus has: names that came up since it was indexed."""
    said = (
        terms(text, lexicon.stop_words, language and primary_language(language))
        for text, language in zip(texts, languages, strict=True)
    )
    capitals = sorted(term for term in set.intersection(*map(set, said)) if term[:1].isupper())
    heard = lexicon.columns([*capitals, *(term.lower() for term in capitals)]).reshape(2, -1).max(axis=0) >= 0
    new = {term for term, known in zip(capitals, heard.tolist(), strict=True) if not known}
    inside = (
        span.terms for text in texts for span in spans(text, new) if text[: span.start].rstrip()[-1:] not in _BEFORE
    )
    return frozenset(new.intersection(term for own in inside for term in own))


def frequencies(terms: Sequence[str], lexicon: Lexicon, matrix: TermMatrix) -> IntArray:
    """(n,) how many articles of a corpus have each of some terms (n,); 0 for one that it does not know."""
    columns = lexicon.columns(terms)
    return np.where(columns < 0, 0, matrix.frequencies(np.maximum(columns, 0)))


def is_rare(matrix: TermMatrix, column: int) -> bool:
    """Whether few articles have a term or a label."""
    return bool(matrix.frequencies(np.array([column]))[0] <= _most(matrix))


def _most(matrix: TermMatrix) -> float:
    return float(max(_FEW, _RARE * matrix.articles))


def names_in(
    phrases: Sequence[str], texts: Sequence[str], known: Names | None, language: str | None = None
) -> list[str]:
    """Of phrases that two articles share, the names: none unless at least one is rare.

    A run of words with capitals is a name as far as both texts have it; a piece of a longer one is none ("Oblast" of
    two different ones). No number is, and nothing that names nothing by itself, see
    :mod:`recommend.ranking.common_names`. In a script without capitals a name is what is rare.

    Args:
        phrases: as one of the texts writes them.
        texts: headlines and standfirsts.
        known: which terms are names; None: whatever is written with a capital.
        language: of the texts.
    """
    written: dict[str, None] = {}
    beginnings = frozenset() if known is None else known.beginnings
    for phrase in phrases:
        for run in _runs(phrase):
            whole = whole_name(run, texts, beginnings, language)
            if not whole or not _is_name(whole, language):
                continue
            if known is None or _holds(whole, known.all if has_capitals(whole) else known.rare):
                written[whole] = None
    joined = _joined(list(written), texts)
    names = [
        one
        for one in joined
        if not any(one != other and one in other for other in joined)
        and (one not in beginnings or extent(one, language) is not None)
    ]
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


def _holds(written: str, terms: Set[str]) -> bool:
    return any(not terms.isdisjoint(span.terms) for span in spans(written, terms))


def _joined(names: list[str], texts: Sequence[str]) -> list[str]:
    """The names, each with what all texts that have it say after an "of" behind it ("Democratic Republic of the Congo",
    "Laurence des Cars")."""
    for name in names:
        after = next((text for text in texts if name in text), "").partition(f"{name} ")[2]
        of = next((of for of in _OF if after.startswith(of)), None)
        if of is None or not has_capitals(name):
            continue
        word = _NEXT.match(after, len(of))
        ends = [one for one in names if one != name and after.startswith(one, len(of))]
        other = ends[0] if ends else "" if word is None else without_possessive(word[0])
        whole = f"{name} {of}{other}"
        if other[:1].isupper() and all(whole in text for text in texts if name in text):
            return _joined([whole, *(one for one in names if one not in (name, other))], texts)
    return names


def _is_name(written: str, language: str | None) -> bool:
    """Whether a phrase says who, where or what: written with a capital where the script has any, no number."""
    if not has_capitals(written):
        return not written[0].isdigit()
    return written[0].isupper() and not names_nothing(written, language)
