"""Why a story is shown: the evidence that ranked it, in a few plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import fsum
from typing import Literal

import numpy as np

from recommend.articles.text import runs, spans
from recommend.index.lexicon import Lexicon, TermVector
from recommend.ranking.event_kinds import SUDDEN, counts_anew, event_kinds, name_of
from recommend.ranking.names import Names, names_in
from recommend.ranking.phrases import distance, enumeration, phrase
from recommend.ranking.places import extent

_MOST_TERMS = 8
_MOST_SHOWN = 3
_SAME_STORY = ((timedelta(days=3), 0.4), (timedelta(days=7), 0.58), (timedelta(days=30), 0.65))
"""Up to how far apart, and from which probability on, two articles that share a name tell one story."""
_UPDATES, _NEXT_DAY = timedelta(days=14), timedelta(days=1)
SAME_TOPIC = 0.04
"""The least lexical cosine of two articles of which names in common are told."""
_NAME_BONUS = 2.0
_SHORT = 3


ReasonKind = Literal[
    "story", "update", "topic", "place", "event", "tag", "author", "similar", "section", "latest", "popular", "pinned"
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a story is shown.

    Attributes:
        kind: ``story`` the same running story, ``update`` the same report with new numbers, ``topic`` shared names,
            ``place`` nothing but a place is shared, ``event`` the same kind of event, ``tag`` and ``author`` a rare
            one is shared, ``similar`` similar in meaning only, ``section`` not related, but of the same section,
            ``latest`` not related: of the newest there are, ``popular`` not related: clicked most of late,
            ``pinned`` chosen by editors.
        text: one short phrase for readers.
        terms: what is shared as written, strongest first: names; of ``event`` the kind, of others those.
    """

    kind: ReasonKind
    text: str
    terms: tuple[str, ...] = ()

    def by(self, rules: Sequence[str]) -> Reason:
        """The same with the names of the rules of editors by which the story stands where it does."""
        return RuledReason(self.kind, self.text, self.terms, tuple(rules)) if rules else self


@dataclass(frozen=True, slots=True)
class RuledReason(Reason):
    """A reason, and the names of the rules that had a say."""

    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a reason may be made of.

    Attributes:
        shared: each shared term with its part of the lexical cosine.
        lexical: that cosine, 0…1.
        probability: of being related, 0…1.
        texts: headlines and standfirsts, the query's last, in which the terms are looked up as written.
        age: how much later than the query the article was published, None where one of the dates is unknown.
        known: which terms are names; None: whatever is written with a capital.
        updates: whether the article is the query's report with new numbers.
        tags, authors: rare ones that both have, as written.
        language: of the article; the query's own is that of the reason.
    """

    shared: Mapping[str, float]
    lexical: float
    probability: float
    texts: Sequence[str]
    age: timedelta | None
    known: Names | None = None
    updates: bool = False
    tags: Sequence[str] = ()
    authors: Sequence[str] = ()
    language: str | None = None


def latest(language: str | None) -> Reason:
    """That of one of the newest articles."""
    return Reason("latest", phrase("latest", language))


def popular(language: str | None) -> Reason:
    """That of one of the articles that readers clicked most."""
    return Reason("popular", phrase("popular", language))


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


def reason(evidence: Evidence, language: str | None = None) -> Reason:
    """The reason for one related story.

    Args:
        evidence: what it may be made of.
        language: of the article whose box it is; the reason is in that.
    """
    return phrase_reason(*kind_and_terms(evidence, language), evidence.age, language)


def kind_and_terms(evidence: Evidence, language: str | None = None) -> tuple[ReasonKind, tuple[str, ...]]:
    """The same, not in words yet."""
    if evidence.updates and _is_update(evidence):
        return "update", ()
    written = as_written(evidence.shared, evidence.texts) if evidence.lexical >= SAME_TOPIC else []
    names = tuple(names_in(written, evidence.texts, evidence.known, language)[:_MOST_SHOWN])
    if names:
        return _kind_of(names, evidence, language), names
    if evidence.tags:
        return "tag", tuple(evidence.tags[:_MOST_SHOWN])
    events = _events(evidence, language)
    if events:
        return "event", (name_of(min(events), language),)
    if evidence.authors:
        return "author", tuple(evidence.authors[:_MOST_SHOWN])
    return "similar", ()


def phrase_reason(kind: ReasonKind, terms: tuple[str, ...], age: timedelta | None, language: str | None) -> Reason:
    """A reason in words.

    Args:
        kind: of the reason.
        terms: that it names.
        age: how much later than the query the article was published, None where one of the dates is unknown.
        language: of the article whose box it is; the words are in that.
    """
    when = "" if age is None else f" · {distance(age, language)}"
    named = {"names": enumeration(terms, language)} if terms else {}
    return Reason(kind, phrase(kind, language, **named) + when, terms)


def _is_update(evidence: Evidence) -> bool:
    """Whether a report with other numbers counts the same thing again, and not another of its kind: it says so, or it
    is of the next day."""
    age = evidence.age
    if age is None or age > _UPDATES:
        return False
    return age <= _NEXT_DAY or counts_anew(evidence.texts[0], evidence.language)


def near_enough(seconds: int, probability: float) -> bool:
    """Whether two articles that share a name tell one story, so far apart and with such a probability of being
    related."""
    return any(abs(seconds) <= apart.total_seconds() and probability >= p for apart, p in _SAME_STORY)


def _kind_of(names: Sequence[str], evidence: Evidence, language: str | None) -> Literal["story", "place", "topic"]:
    age, probability = evidence.age, evidence.probability
    near = age is not None and near_enough(round(age.total_seconds()), probability)
    if near and not _is_another(evidence, language):
        return "story"
    extents = [extent(name, language) for name in names]
    return "place" if None not in extents and "local" in extents else "topic"


def _is_another(evidence: Evidence, language: str | None) -> bool:
    """Whether two reports tell of two events of one kind: of a sudden one, on different days, and neither counts
    anew."""
    if evidence.age is None or abs(evidence.age) < _NEXT_DAY or not _events(evidence, language) & SUDDEN:
        return False
    *others, own = evidence.texts
    return not (counts_anew(own, language) or any(counts_anew(other, evidence.language) for other in others))


def _events(evidence: Evidence, language: str | None) -> frozenset[str]:
    """Kinds of events that both headlines tell of."""
    if len(evidence.texts) < 2:
        return frozenset()
    *others, own = evidence.texts
    theirs = (event_kinds(other, evidence.language or language) for other in others)
    return event_kinds(own, language).intersection(*theirs)


def shared_terms(query: TermVector, others: Sequence[TermVector], lexicon: Lexicon) -> list[dict[str, float]]:
    """The terms of words that each of some articles shares with a query, with their parts of the lexical cosine,
    strongest first."""
    query = query.words
    if not others or not len(query.terms):
        return [{} for _ in others]
    terms = np.concatenate([other.terms for other in others])
    owners = np.repeat(np.arange(len(others)), [len(other.terms) for other in others])
    place = np.minimum(np.searchsorted(query.terms, terms), len(query.terms) - 1)
    shared = np.flatnonzero(query.terms[place] == terms)
    weights = np.concatenate([other.weights for other in others])
    parts, owners, terms = query.weights[place[shared]] * weights[shared], owners[shared], terms[shared]
    order = np.lexsort((terms, -parts, owners))
    by_candidate: list[dict[str, float]] = []
    for some in np.split(order, np.searchsorted(owners[order], np.arange(1, len(others)))):
        strongest = some[:_MOST_TERMS]
        by_candidate.append(dict(zip(lexicon.terms(terms[strongest]), parts[strongest].tolist(), strict=True)))
    return by_candidate


def terms_in_all(shares: Mapping[str, float], texts: Sequence[str]) -> Mapping[str, float]:
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
        for run in runs(text, spans(text, shares.keys(), often=text is texts[-1])):  # the query's, with every story
            written = text[run[0].start : run[-1].end]
            new = {term for word in run for term in word.terms if term in shares} - covered
            if new and not (written.islower() and len(written) <= _SHORT):
                bonus = _NAME_BONUS if written[0].isupper() else 1.0
                phrases[written] = bonus * fsum(shares[term] for term in new)
                covered |= new
    return sorted(phrases, key=lambda one: -phrases[one])
