"""Answers: what a front end shows of the articles that were chosen, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from recommend.articles.card import CARD_FIELDS, Card
from recommend.index.query import Query
from recommend.index.table import headline_of
from recommend.index.view import View
from recommend.ranking.basis import Basis
from recommend.ranking.chosen import Chosen
from recommend.ranking.evidence import age, evidence_under
from recommend.ranking.features import contributions
from recommend.ranking.listed_reasons import ListedReasons
from recommend.ranking.near_misses import NearMiss
from recommend.ranking.reasons import Reason, filler, phrase_reason, pinned, reason
from recommend.settings import PolicySettings


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
        partial: whether stories are missing that lie on a server of the index which does not answer.
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
    partial: bool = False


def recommendations(
    view: View,
    query: Query,
    shown: Chosen,
    which: Sequence[int],
    rules: PolicySettings,
    section: str | None = None,
    *,
    explained: Collection[str] | None,
    ready: ListedReasons | None = None,
    ruled: Sequence[Sequence[str]] | None = None,
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
        ruled: by item of the box, the names of the rules of editors by which it stands there.
    """
    chosen = shown.candidates
    cards = [view.segments[chosen.segments[i]].table.card(int(chosen.rows[i])) for i in which]
    reasons = dict[int, Reason]()
    for i, card in zip(which, cards, strict=True):
        if shown.is_pinned(i):
            reasons[i] = pinned(query.language)
        elif i >= shown.related:
            kind = rules.fill if rules.on else "related"
            reasons[i] = filler(kind, card.section, section or query.section, query.language)
        elif ready is not None and not chosen.segments[i]:
            stored = ready.get(int(chosen.rows[i]), headline_of(card.title, card.summary), query.headline)
            if stored is not None:
                reasons[i] = phrase_reason(*stored, age(view, query, chosen, i), query.language)
    unexplained = [i for i in which if i not in reasons]
    evidence = evidence_under(view, query, chosen, unexplained, rules)
    reasons |= {i: reason(one, query.language) for i, one in zip(unexplained, evidence, strict=True)}
    items = []
    for i, card in zip(which, cards, strict=True):
        score = round(float(chosen.probabilities[i]), 4)
        parts = None if explained is None else contributions(chosen, i, explained)
        why = reasons[i] if ruled is None else reasons[i].by(ruled[i])
        items.append(_item(*_shown(card), score, i + 1, why, parts))
    return items


def listed(card: Card, rank: int, why: Reason) -> Recommendation:
    """The item of an article that no query chose."""
    return _item(*_shown(card), 0.0, rank, why)


_shown = attrgetter(*CARD_FIELDS)
_item: Callable[..., Recommendation] = Recommendation
