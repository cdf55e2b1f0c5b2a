"""Why a story is shown: the evidence that ranked it, in a few plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import fsum
from typing import Literal

import numpy as np

from recommend.articles.text import spans
from recommend.index.lexical import Lexicon, TermVector

_MOST_TERMS = 8
_MOST_SHOWN = 3
_SAME_STORY = 0.4
_SAME_TOPIC = 0.04
_SAME_STORY_DAYS = 30
_NAME_BONUS = 2.0
_SHORT = 3
_NATIONALITY = re.compile(r"\w+(?:ish|ese|ian|ean|can)s?|French|Dutch|Greek|Thai|Iraqi|Israeli|Pakistani|Afghan|German")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

ReasonKind = Literal["story", "topic", "similar", "section", "latest", "pinned"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a story is shown.

    Attributes:
        kind: ``story`` the same running story, ``topic`` shared names or terms, ``similar`` similar in meaning only,
            ``section`` not related, but of the same section, ``latest`` not related: of the newest there are,
            ``pinned`` chosen by editors.
        text: one short phrase for readers.
        terms: shared words and names as written, strongest first.
    """

    kind: ReasonKind
    text: str
    terms: tuple[str, ...] = ()


LATEST = Reason("latest", "Latest")
PINNED = Reason("pinned", "Editors' choice")
FURTHER = Reason("similar", "Further reading")


def filler(fill: str, section: str | None, wanted: str | None) -> Reason:
    """Why a story stands in the box that is not related.

    Args:
        fill: ``policy.fill``.
        section: of the story.
        wanted: the section that may fill the box.
    """
    if fill != "latest" and section is not None and section == wanted:
        return Reason("section", f"More from {section}")
    return FURTHER if fill == "related" else LATEST


def reason(
    shared: Mapping[str, float],
    lexical: float,
    probability: float,
    texts: Sequence[str],
    age: timedelta | None,
) -> Reason:
    """The reason for one related story.

    Args:
        shared: each shared term with its part of the lexical cosine.
        lexical: that cosine, 0…1.
        probability: of being related, 0…1.
        texts: headlines and standfirsts in which the terms are looked up as written.
        age: how much later than the query the article was published, None where one of the dates is unknown.
    """
    written = as_written(shared, texts) if lexical >= _SAME_TOPIC else []
    names = [phrase for phrase in written if _is_name(phrase)][:_MOST_SHOWN]
    near = age is not None and abs(age) <= timedelta(days=_SAME_STORY_DAYS)
    when = "" if age is None else f" · {distance(age)}"
    if names and near and probability >= _SAME_STORY:
        return Reason("story", f"Same story: {', '.join(names)}{when}", tuple(names))
    if names:
        return Reason("topic", f"Also about {', '.join(names)}{when}", tuple(names))
    return Reason("similar", f"On a similar subject{when}")


def shared_terms(query: TermVector, others: Sequence[TermVector], lexicon: Lexicon) -> list[dict[str, float]]:
    """The terms that each of some articles shares with a query, with their parts of the lexical cosine, strongest
    first."""
    if not others or not len(query.terms):
        return [{} for _ in others]
    terms = np.concatenate([other.terms for other in others])
    owners = np.repeat(np.arange(len(others)), [len(other.terms) for other in others])
    place = np.minimum(np.searchsorted(query.terms, terms), len(query.terms) - 1)
    shared = np.flatnonzero(query.terms[place] == terms)
    weights = np.concatenate([other.weights for other in others])
    parts, owners, terms = query.weights[place[shared]] * weights[shared], owners[shared], terms[shared]
    order = np.lexsort((terms, -parts, owners))
    found: list[dict[str, float]] = []
    for some in np.split(order, np.searchsorted(owners[order], np.arange(1, len(others)))):
        strongest = some[:_MOST_TERMS]
        found.append(dict(zip(lexicon.terms(terms[strongest]), parts[strongest].tolist(), strict=True)))
    return found


def told_by(shares: Mapping[str, float], texts: Sequence[str]) -> Mapping[str, float]:
    """Those of the terms that every one of some texts holds: of an article whose body is not public, a reason may name
    what its title and summary say, and nothing else."""
    for text in texts:
        held = {term for span in spans(text, shares.keys()) for term in span.terms}
        shares = {term: share for term, share in shares.items() if term in held}
    return shares


def as_written(shares: Mapping[str, float], texts: Sequence[str]) -> list[str]:
    """Terms as the texts write them, strongest first; terms that no text holds are left out.

    Neighbouring terms are joined ("Lee Jae Myung", "東京都"). Words written with a capital, names mostly, count
    double: they say more to a reader than the verbs around them. A single short one without says nothing: it is an
    article or a preposition where nobody has listed those of the language.
    """
    phrases: dict[str, float] = {}
    covered: set[str] = set()
    for text in texts:
        for phrase, members in _phrases(shares, text):
            new = members - covered
            if new and not (phrase.islower() and len(phrase) <= _SHORT):
                bonus = _NAME_BONUS if phrase[0].isupper() else 1.0
                phrases[phrase] = bonus * fsum(shares[term] for term in new)
                covered |= new
    return sorted(phrases, key=lambda phrase: -phrases[phrase])


def _is_name(phrase: str) -> bool:
    """Whether a phrase says who, where or what: written with a capital where the script has any, no number, and no
    nationality alone ("Finnish", "Malaysian"), which too much has in common."""
    if phrase[0] == phrase[0].swapcase():
        return not phrase[0].isdigit()
    return phrase[0].isupper() and not _NATIONALITY.fullmatch(phrase)


def _phrases(shares: Mapping[str, float], text: str) -> Iterator[tuple[str, set[str]]]:
    words = spans(text, shares.keys())
    start = 0
    for i, span in enumerate(words):
        after = words[i + 1] if i + 1 < len(words) else None
        if after is None or text[span.end : after.start] not in {"", " ", "-"}:
            run = words[start : i + 1]
            yield text[run[0].start : span.end], {term for member in run for term in member.terms if term in shares}
            start = i + 1


def distance(age: timedelta) -> str:
    """How far one publication lies from another: "two days earlier", "same day", "3 months later"."""
    days = round(abs(age) / timedelta(days=1))
    if days == 0:
        return "same day"
    if days < 14:
        count, unit = days, "day"
    elif days < 60:
        count, unit = round(days / 7), "week"
    elif days < 700:
        count, unit = round(days / 30.4), "month"
    else:
        count, unit = round(days / 365.25), "year"
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {unit}{'' if count == 1 else 's'} {'earlier' if age < timedelta(0) else 'later'}"
