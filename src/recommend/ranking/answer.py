"""Answers: what a front end shows of the articles that were chosen, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
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
from recommend.ranking.names import is_rare, names_among_each, unheard
from recommend.ranking.near_misses import NearMiss
from recommend.ranking.reasons import (
    SAME_TOPIC,
    Evidence,
    Reason,
    filler,
    pinned,
    reason,
    said,
    shared_terms,
    told_by,
)
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
    ready: Told | None = None,
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
            told = ready.get(int(chosen.rows[i]), headline_of(card.title, card.summary), query.headline)
            if told is not None:
                reasons[i] = said(*told, _age(view, query, chosen, i), query.language)
    lacking = [i for i in which if i not in reasons]
    evidence = evidence_under(view, query, chosen, lacking, rules)
    reasons |= {i: reason(one, query.language) for i, one in zip(lacking, evidence, strict=True)}
    found = []
    for i, card in zip(which, cards, strict=True):
        score = round(float(chosen.probabilities[i]), 4)
        parts = None if explained is None else contributions(chosen, i, explained)
        why = reasons[i] if ruled is None else reasons[i].by(ruled[i])
        found.append(_item(*_shown(card), score, i + 1, why, parts))
    return found


def evidence_under(
    view: View,
    query: Query,
    chosen: Candidates,
    which: Sequence[int],
    rules: PolicySettings,
    updating: Sequence[bool] | None = None,
) -> list[Evidence]:
    """What tells why the candidates at some places are related to a query; each whatever the others are. ``updating``
    says which of them update it, where that is known."""
    if not which:
        return []
    some = chosen.take(np.array(which))
    places = some.places
    lexicon, snapshot, matrix = view.snapshot.lexicon, view.snapshot, view.segments[0].matrix
    shared = shared_terms(query.terms, [view.segments[s].matrix.vector(row) for s, row in places], lexicon)
    beginnings = snapshot.manifest.beginnings
    names = names_among_each([terms.keys() for terms in shared], lexicon, matrix, beginnings)
    lexical = rounded(some.feature("lexical")).tolist()
    updates = near_duplicates.updates_of(view, query, some, rules).tolist() if updating is None else updating
    found = []
    for i, (number, row) in enumerate(places):
        table = view.segments[number].table
        headline = table.headline(row)
        texts = ((headline, table.access(row)), (query.headline, query.access))
        if number:  # what the snapshot's own articles say it has heard of
            new = unheard((headline, query.headline), (table.value("language", row), query.language), lexicon)
            part = max([SAME_TOPIC, *shared[i].values()]) if new else 0.0
            shared[i] = dict.fromkeys(sorted(new), part) | shared[i]
            lexical[i] += part
            names[i] = names[i].with_rare(new)
        tags = table.tags(row) if len(query.tags.terms) else []
        authors = table.authors(row) if len(query.authors.terms) else []
        evidence = Evidence(
            told_by(shared[i], [text for text, access in texts if access != _PUBLIC]),
            lexical[i],
            float(some.probabilities[i]),
            [headline, query.headline],
            _age(view, query, some, i),
            names[i],
            updates[i],
            _shared_labels(query.tags, tags, snapshot.tags, view.segments[0].tags),
            _shared_labels(query.authors, authors, snapshot.authors, view.segments[0].authors),
            table.value("language", row),
        )
        found.append(evidence)
    return found


def _age(view: View, query: Query, chosen: Candidates, i: int) -> timedelta | None:
    """How much later than the query candidate ``i`` was published, None where one of the dates is unknown."""
    published = int(view.segments[chosen.segments[i]].table.published_at[chosen.rows[i]])
    if MISSING in (published, query.published_at):
        return None
    return timedelta(seconds=published - query.published_at)


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
