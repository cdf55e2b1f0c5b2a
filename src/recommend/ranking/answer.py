"""Answers: what a front end shows of the articles that were chosen, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Literal

import numpy as np

from recommend.articles.article import Access
from recommend.articles.card import CARD_FIELDS, Card
from recommend.index.dates import MISSING
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.query import Query
from recommend.index.table import headline_of
from recommend.index.view import View
from recommend.ranking import near_duplicates
from recommend.ranking.basis import Basis
from recommend.ranking.candidates import Candidates, rounded
from recommend.ranking.chosen import Chosen
from recommend.ranking.features import contributions
from recommend.ranking.names import is_rare, names_among
from recommend.ranking.near_misses import NearMiss
from recommend.ranking.reasons import Evidence, Reason, filler, pinned, reason, said, shared_terms, told_by
from recommend.ranking.told import Told
from recommend.settings import PolicySettings

_PUBLIC = Access.PUBLIC


@dataclass(frozen=True, slots=True)
class Recommendation(Card):
    """One story in the box, with everything a card shows.

    Attributes:
        score: calibrated probability of being related, 0…1; 0 for the latest articles of a fallback.
        rank: 1 for the first.
        explanation: per feature its value and what it added to the ranking score, when that was asked for.
    """

    score: float
    rank: int
    reason: Reason
    explanation: dict[str, dict[str, float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole box.

    Attributes:
        article_id: of the query; None for a draft without an id.
        fallback: ``latest`` when the items are the newest articles because there is no box, ``popular`` when they are
            those that readers clicked most.
        related: how many of the items are related, which come first; the others only fill the box.
        short: why there are fewer items than asked for, None when there are enough.
        removed: how many candidates each rule of the policy took away; ``blocked`` by editors, and under ``pinned``
            those that editors put there and that may not be shown.
        near_misses: the best that are not shown and why, when that was asked for.
        basis: what it rests on; None where any change may change it.
    """

    article_id: str | None
    snapshot: str
    revision: int
    fallback: Literal["latest", "popular"] | None
    related: int
    items: list[Recommendation]
    short: str | None
    removed: dict[str, int] = field(default_factory=dict)
    near_misses: list[NearMiss] | None = None
    basis: Basis | None = field(default=None, compare=False, repr=False)


def recommendations(
    view: View,
    query: Query,
    shown: Chosen,
    which: Sequence[int],
    rules: PolicySettings,
    section: str | None = None,
    *,
    explained: Collection[str] | None,
    ready: Told | None = None,
) -> list[Recommendation]:
    """The items that the candidates at the places ``which`` of those chosen make under a query.

    Args:
        view: where they are.
        query: what they were chosen for.
        shown: those chosen.
        which: places among them.
        rules: that chose them.
        section: of the articles that may fill the box, where that is not the query's.
        explained: features whose parts in the ranking are told; None for no explanation.
        ready: reasons that need not be found.
    """
    chosen = shown.candidates
    cards = [view.segments[chosen.segments[i]].table.card(int(chosen.rows[i])) for i in which]
    reasons = dict[int, Reason]()
    for i, card in zip(which, cards, strict=True):
        if i < shown.pinned:
            reasons[i] = pinned(query.language)
        elif i >= shown.related:
            kind = rules.fill if rules.on else "related"
            reasons[i] = filler(kind, card.section, section or query.section, query.language)
        elif ready is not None and not chosen.segments[i]:
            told = ready.get(int(chosen.rows[i]), headline_of(card.title, card.summary), query.headline)
            if told is not None:
                reasons[i] = said(*told, _age(card, query), query.language)
    lacking = {i: card for i, card in zip(which, cards, strict=True) if i not in reasons}
    evidence = evidence_under(view, query, chosen, lacking, rules)
    reasons |= {i: reason(one, query.language) for i, one in zip(lacking, evidence, strict=True)}
    found = []
    for i, card in zip(which, cards, strict=True):
        score = round(float(chosen.probabilities[i]), 4)
        parts = None if explained is None else contributions(chosen, i, explained)
        found.append(_item(*_shown(card), score, i + 1, reasons[i], parts))
    return found


def evidence_under(
    view: View, query: Query, chosen: Candidates, which: Mapping[int, Card], rules: PolicySettings
) -> list[Evidence]:
    """What tells why the candidates at some places, whose cards are given, are related to a query."""
    if not which:
        return []
    some = chosen.take(np.array([*which]))
    vectors = [view.segments[s].matrix.vector(row) for s, row in zip(some.segments, some.rows.tolist(), strict=True)]
    lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
    shared = shared_terms(query.terms, vectors, lexicon)
    names = names_among(frozenset().union(*shared), lexicon, matrix)
    lexical = rounded(some.feature("lexical"))
    updates = near_duplicates.updates_of(view, query, some, rules)
    found = []
    for i, (card, terms) in enumerate(zip(which.values(), shared, strict=True)):
        headline = headline_of(card.title, card.summary)
        told = [own for own, access in ((headline, card.access), (query.headline, query.access)) if access != _PUBLIC]
        found.append(
            Evidence(
                told_by(terms, told),
                float(lexical[i]),
                float(some.probabilities[i]),
                [headline, query.headline],
                _age(card, query),
                names,
                bool(updates[i]),
                _shared_labels(query.tags, card.tags, view.snapshot.tags, view.segments[0].tags),
                _shared_labels(query.authors, card.authors, view.snapshot.authors, view.segments[0].authors),
                card.language,
            )
        )
    return found


def _age(card: Card, query: Query) -> timedelta | None:
    """How much later than the query an article was published, None where one of the dates is unknown."""
    if card.published_at is None or query.published_at == MISSING:
        return None
    return card.published_at - datetime.fromtimestamp(query.published_at, UTC)


def _shared_labels(query: TermVector, labels: Sequence[str], lexicon: Lexicon, matrix: TermMatrix) -> list[str]:
    """Those of an article's tags or authors that the query has too, and few others; the rarest first."""
    if not len(query.terms) or not labels:
        return []
    columns = lexicon.columns([label.casefold() for label in labels])
    shared = [
        (float(lexicon.weights[column]), label)
        for label, column in zip(labels, columns.tolist(), strict=True)
        if column in query.terms and is_rare(matrix, column)
    ]
    return [label for _, label in sorted(shared, key=lambda one: (-one[0], one[1]))]


def listed(card: Card, rank: int, why: Reason) -> Recommendation:
    """The item of an article that no query chose."""
    return _item(*_shown(card), 0.0, rank, why)


_shown = attrgetter(*CARD_FIELDS)
_item: Callable[..., Recommendation] = Recommendation
