"""How texts write a name: whole, as far as all of them have it."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence, Set
from functools import lru_cache, partial
from typing import NamedTuple

from recommend.articles.capitals import in_headline_case, without_possessive, words_of
from recommend.ranking.common_names import names_nothing


class _Form(NamedTuple):
    """How a text writes a name: the words that were looked for, and those with capitals beside them, nearest first; and
    the word before all, where a sentence begins with it."""

    written: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    first: str = ""


def whole_name(run: str, texts: Sequence[str], beginnings: Set[str], language: str | None) -> str | None:
    """A run with the capitalised words beside it that all texts have there; None where all go on with others, which
    belong to it; as it is in a script without capitals."""
    if not has_capitals(run):
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
    words, starts, ends, tells = _words(line)
    if not tells:
        return ()
    forms = []
    for at, end in _places(line, run):
        first, last = bisect(starts, at) - 1, bisect(starts, end - 1) - 1
        written = run if starts[first] == at else without_possessive(words[first][0])  # "Lago": Mar-a-Lago
        rest = without_possessive(line[end : ends[last]]) if written == run else ""
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
        forms.append(_Form(written, tuple(before), tuple(after), initial))
    return forms


def _places(line: str, run: str) -> Iterator[tuple[int, int]]:
    """Where a run of whole words begins and ends in a line."""
    start = line.find(run)
    while start >= 0:
        end = start + len(run)
        if not any(one.isalnum() or one == "_" for one in (line[start - 1 : start], line[end : end + 1])):
            yield start, end
        start = line.find(run, end)


@lru_cache(maxsize=1_024)
def _words(line: str) -> tuple[list[re.Match[str]], list[int], list[int], bool]:
    """The words of a line, where they begin and end, and whether their capitals tell anything."""
    words = words_of(line)
    return words, [word.start() for word in words], [word.end() for word in words], not in_headline_case(words)


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


def has_capitals(written: str) -> bool:
    """Whether a phrase begins with a letter that has a capital."""
    return written[0] != written[0].swapcase()
