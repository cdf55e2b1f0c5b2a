"""Answers: what a front end shows of the articles that were chosen, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from recommend.articles.article import Access
from recommend.articles.card import CARD_FIELDS, Card
from recommend.index.dates import MISSING
from recommend.index.segment import Query
from recommend.index.view import View
from recommend.ranking.basis import Basis
from recommend.ranking.candidates import Candidates
from recommend.ranking.features import contributions
from recommend.ranking.near_misses import NearMiss
from recommend.ranking.reasons import Reason, reason, shared_terms, told_by

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
        fallback: ``latest`` when the items are the newest articles because none is related.
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
    items: list[Recommendation]
    short: str | None
    removed: dict[str, int] = field(default_factory=dict)
    near_misses: list[NearMiss] | None = None
    basis: Basis | None = field(default=None, compare=False, repr=False)


def recommendations(
    view: View, query: Query, chosen: Candidates, which: Sequence[int], *, explained: Collection[str] | None
) -> list[Recommendation]:
    """The items that the candidates at the places ``which`` of those chosen make under a query, with the parts of the
    features ``explained`` in the ranking, None for no explanation."""
    places = [(view.segments[chosen.segments[i]], int(chosen.rows[i])) for i in which]
    shared = shared_terms(query.terms, [s.matrix.vector(row) for s, row in places], view.snapshot.lexicon)
    lexical = chosen.feature("lexical")
    asked = None if query.published_at == MISSING else datetime.fromtimestamp(query.published_at, UTC)
    found = []
    for i, (segment, row), terms in zip(which, places, shared, strict=True):
        card = segment.table.card(row)
        headline = segment.table.headline(row)
        told = [own for own, access in ((headline, card.access), (query.headline, query.access)) if access != _PUBLIC]
        why = reason(
            told_by(terms, told),
            float(lexical[i]),
            float(chosen.probabilities[i]),
            [headline, query.headline],
            None if card.published_at is None or asked is None else card.published_at - asked,
            card.section if card.section == query.section else None,
        )
        score = round(float(chosen.probabilities[i]), 4)
        parts = None if explained is None else contributions(chosen, i, explained)
        found.append(Recommendation(**_shown(card), score=score, rank=i + 1, reason=why, explanation=parts))
    return found


def listed(card: Card, rank: int, why: Reason) -> Recommendation:
    """The item of an article that no query chose."""
    return Recommendation(**_shown(card), score=0.0, rank=rank, reason=why)


def _shown(card: Card) -> dict[str, Any]:
    return {name: getattr(card, name) for name in CARD_FIELDS}
