"""Answers: what a front end shows of the articles that were chosen, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from recommend.articles.article import Access
from recommend.articles.card import CARD_FIELDS, Card
from recommend.index.dates import MISSING
from recommend.index.lexical import Lexicon, TermMatrix, TermVector
from recommend.index.segment import Query
from recommend.index.view import View
from recommend.ranking import near_duplicates
from recommend.ranking.basis import Basis
from recommend.ranking.chosen import Chosen
from recommend.ranking.features import contributions
from recommend.ranking.names import is_rare, names_among
from recommend.ranking.near_misses import NearMiss
from recommend.ranking.reasons import Evidence, Reason, filler, pinned, reason, shared_terms, told_by
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
        fallback: ``latest`` when the items are the newest articles because there is no box.
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
    fallback: Literal["latest"] | None
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
    """
    chosen = shown.candidates
    places = [(view.segments[chosen.segments[i]], int(chosen.rows[i])) for i in which]
    shared = shared_terms(query.terms, [s.matrix.vector(row) for s, row in places], view.snapshot.lexicon)
    lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
    names = names_among(frozenset().union(*shared), lexicon, matrix)
    lexical = chosen.feature("lexical")
    updates = near_duplicates.updates_of(view, query, chosen, rules)
    asked = None if query.published_at == MISSING else datetime.fromtimestamp(query.published_at, UTC)
    found = []
    for i, (segment, row), terms in zip(which, places, shared, strict=True):
        card = segment.table.card(row)
        headline = segment.table.headline(row)
        told = [own for own, access in ((headline, card.access), (query.headline, query.access)) if access != _PUBLIC]
        if i < shown.pinned:
            why = pinned(query.language)
        elif i >= shown.related:
            why = filler(rules.fill if rules.on else "related", card.section, section or query.section, query.language)
        else:
            evidence = Evidence(
                told_by(terms, told),
                float(lexical[i]),
                float(chosen.probabilities[i]),
                [headline, query.headline],
                None if card.published_at is None or asked is None else card.published_at - asked,
                names,
                bool(updates[i]),
                _shared_labels(query.tags, card.tags, view.snapshot.tags, view.segments[0].tags),
                _shared_labels(query.authors, card.authors, view.snapshot.authors, view.segments[0].authors),
                card.language,
            )
            why = reason(evidence, query.language)
        score = round(float(chosen.probabilities[i]), 4)
        parts = None if explained is None else contributions(chosen, i, explained)
        found.append(Recommendation(**_shown(card), score=score, rank=i + 1, reason=why, explanation=parts))
    return found


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
    return Recommendation(**_shown(card), score=0.0, rank=rank, reason=why)


def _shown(card: Card) -> dict[str, Any]:
    return {name: getattr(card, name) for name in CARD_FIELDS}
