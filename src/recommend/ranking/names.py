"""The names that two articles share: people, places, organisations, works, as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.articles.capitals import in_headline_case, without_possessive, words_of
from recommend.articles.languages import primary_language
from recommend.articles.text import spans, terms
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon
from recommend.ranking.common_names import names_nothing
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
    found: dict[str, None] = {}
    beginnings = frozenset() if known is None else known.beginnings
    for phrase in phrases:
        for run in _runs(phrase):
            whole = _whole(run, texts, beginnings, language)
            if not whole or not _is_name(whole, language):
                continue
            if known is None or _holds(whole, known.all if _has_capitals(whole) else known.rare):
                found[whole] = None
    joined = _joined(list(found), texts)
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


class _Form(NamedTuple):
    """How a text writes a name: the words that were looked for, and those with capitals beside them, nearest first; and
    the word before all, where a sentence begins with it."""

    written: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    first: str = ""


def _whole(run: str, texts: Sequence[str], beginnings: Set[str], language: str | None) -> str | None:
    """A run with the capitalised words beside it that all texts have there; None where all go on with others, which
    belong to it; as it is in a script without capitals."""
    if not _has_capitals(run):
        return run
    forms = [_form(run, text) for text in texts]
    others = [text for text, form in zip(texts, forms, strict=True) if form is None]
    known = [form for form in forms if form is not None]
    if not known:
        return run
    written = known[0].written
    if any(form.written != written for form in known) or (written != run and not _in_all(written, others)):
        return None
    named = [(*form.before, form.first) if _is_part(form, known, beginnings) else form.before for form in known]
    before = _shared(named, others, partial(names_nothing, language=language))
    after = _shared([form.after for form in known], others)
    if before is None or after is None:
        return None
    return " ".join([*reversed(before), written, *after]).replace(" -", "-")


def _is_part(form: _Form, forms: Sequence[_Form], beginnings: Set[str]) -> bool:
    """Whether the word that a sentence begins with is of the name: it begins others, or is there in another text, too,
    inside of a sentence."""
    place = len(form.before)
    return form.first in beginnings or any(other.before[place : place + 1] == (form.first,) for other in forms)


def _shared(
    beside: Sequence[Sequence[str]], others: Sequence[str], is_apart: Callable[[str], bool] = lambda _: False
) -> Sequence[str] | None:
    """The words beside a name that all texts have there; None where each has another one next, that is not apart from
    it, as an office is."""
    count = 0
    while len({tuple(some[count : count + 1]) for some in beside}) == 1 and beside[0][count:]:
        if not _in_all(beside[0][count], others):
            return None
        count += 1
    ends = any(not some[count:] or is_apart(some[count]) for some in beside)
    return beside[0][:count] if ends else None


def _form(run: str, text: str) -> _Form | None:
    """The longest way in which a text writes a run; None where it does not, or where its capitals tell nothing."""
    forms = [form for line in text.split("\n") if run in line for form in _forms_in(line, run)]
    return max(forms, key=lambda form: (len(form.before), len(form.after)), default=None)


@lru_cache(maxsize=4_096)  # one line is asked for with each of its names, in several boxes
def _forms_in(line: str, run: str) -> Sequence[_Form]:
    words = words_of(line)
    if in_headline_case(words):
        return ()
    found = []
    for match in re.finditer(rf"(?<!\w){re.escape(run)}(?!\w)", line):
        inside = [i for i, word in enumerate(words) if word.start() < match.end() and match.start() < word.end()]
        first, last = inside[0], inside[-1]
        written = run if words[first].start() == match.start() else without_possessive(words[first][0])
        rest = without_possessive(line[match.end() : words[last].end()]) if written == run else ""
        before, after, initial = list[str](), [rest] if rest else [], ""
        while first > 0 and _beside(line, words[first - 1], words[first]):
            first -= 1
            if _begins(line, words[first]):
                initial = words[first][0]
                break
            before.append(words[first][0])
        while last + 1 < len(words) and _beside(line, words[last], words[last + 1]):
            last += 1
            after.append(without_possessive(words[last][0]))
        found.append(_Form(written, tuple(before), tuple(after), initial))
    return found


def _beside(line: str, left: re.Match[str], right: re.Match[str]) -> bool:
    """Whether two words may be of one name."""
    ends = without_possessive(left[0]) != left[0]
    return not ends and line[left.end() : right.start()] == " " and all(map(_of_a_name, (left[0], right[0])))


def _of_a_name(word: str) -> bool:
    """Whether a word may be part of a name: with a capital, or with an article before it ("al-Assad")."""
    return word[0].isupper() or (word[2:3] == "-" and word[3:4].isupper())


def _begins(line: str, word: re.Match[str]) -> bool:
    return not line[: word.start()].strip() or line[: word.start()].rstrip()[-1] in ".!?:"


def _in_all(word: str, texts: Sequence[str]) -> bool:
    return all(_starts_in(word, text) for text in texts)


def _starts_in(word: str, text: str) -> bool:
    """Whether a text has a word, or a longer one that begins with it."""
    start = text.find(word)
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start = text.find(word, start + 1)
    return start >= 0


def _holds(written: str, terms: Set[str]) -> bool:
    return any(not terms.isdisjoint(span.terms) for span in spans(written, terms))


def _joined(names: list[str], texts: Sequence[str]) -> list[str]:
    """The names, each with what all texts that have it say after an "of" behind it ("Democratic Republic of the Congo",
    "Laurence des Cars")."""
    for name in names:
        after = next((text for text in texts if name in text), "").partition(f"{name} ")[2]
        of = next((of for of in _OF if after.startswith(of)), None)
        if of is None or not _has_capitals(name):
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
    if not _has_capitals(written):
        return not written[0].isdigit()
    return written[0].isupper() and not names_nothing(written, language)


def _has_capitals(written: str) -> bool:
    return written[0] != written[0].swapcase()
