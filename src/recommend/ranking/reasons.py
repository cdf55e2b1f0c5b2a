"""Why a story is shown: the evidence that ranked it, in a few plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import fsum
from typing import Literal

import numpy as np

from recommend.articles.text import spans
from recommend.index.lexical import Lexicon, TermVector
from recommend.ranking.names import Names, names_in
from recommend.ranking.phrases import distance, enumeration, phrase

_MOST_TERMS = 8
_MOST_SHOWN = 3
_SAME_STORY = ((timedelta(days=7), 0.25), (timedelta(days=30), 0.35))
"""Up to how far apart, and from which probability on, two articles that share a name tell one story."""
_SAME_TOPIC = 0.04
_NAME_BONUS = 2.0
_SHORT = 3


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


def latest(language: str | None) -> Reason:
    """That of one of the newest articles."""
    return Reason("latest", phrase("latest", language))


def pinned(language: str | None) -> Reason:
    """That of an article that editors chose."""
    return Reason("pinned", phrase("pinned", language))


def filler(fill: str, section: str | None, wanted: str | None, language: str | None) -> Reason:
    """Why a story stands in the box that is not related.

    Args:
        fill: ``policy.fill``.
        section: of the story.
        wanted: the section that may fill the box.
        language: of the article whose box it is.
    """
    if fill != "latest" and section is not None and section == wanted:
        return Reason("section", phrase("section", language, section=section))
    return Reason("similar", phrase("further", language)) if fill == "related" else latest(language)


def reason(
    shared: Mapping[str, float],
    lexical: float,
    probability: float,
    texts: Sequence[str],
    age: timedelta | None,
    language: str | None = None,
    known: Names | None = None,
) -> Reason:
    """The reason for one related story.

    Args:
        shared: each shared term with its part of the lexical cosine.
        lexical: that cosine, 0…1.
        probability: of being related, 0…1.
        texts: headlines and standfirsts in which the terms are looked up as written.
        age: how much later than the query the article was published, None where one of the dates is unknown.
        language: of the article whose box it is; the reason is in that.
        known: which terms are names; None: whatever is written with a capital.
    """
    written = as_written(shared, texts) if lexical >= _SAME_TOPIC else []
    names = names_in(written, texts, known)[:_MOST_SHOWN]
    when = "" if age is None else f" · {distance(age, language)}"
    listed = enumeration(names, language)
    if names and age is not None and any(abs(age) <= near and probability >= p for near, p in _SAME_STORY):
        return Reason("story", phrase("story", language, names=listed) + when, tuple(names))
    if names:
        return Reason("topic", phrase("topic", language, names=listed) + when, tuple(names))
    return Reason("similar", phrase("similar", language) + when)


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
        for written, members in _phrases(shares, text):
            new = members - covered
            if new and not (written.islower() and len(written) <= _SHORT):
                bonus = _NAME_BONUS if written[0].isupper() else 1.0
                phrases[written] = bonus * fsum(shares[term] for term in new)
                covered |= new
    return sorted(phrases, key=lambda one: -phrases[one])


def _phrases(shares: Mapping[str, float], text: str) -> Iterator[tuple[str, set[str]]]:
    words = spans(text, shares.keys())
    start = 0
    for i, span in enumerate(words):
        after = words[i + 1] if i + 1 < len(words) else None
        if after is None or text[span.end : after.start] not in {"", " ", "-"}:
            run = words[start : i + 1]
            yield text[run[0].start : span.end], {term for member in run for term in member.terms if term in shares}
            start = i + 1
