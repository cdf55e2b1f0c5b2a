"""What tells why an article is related: what it shares with the query, of which reasons are made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from recommend.articles.article import Access
from recommend.index.dates import MISSING
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import near_duplicates
from recommend.ranking.candidates import Candidates, rounded
from recommend.ranking.names import is_rare, names_among_each, unheard
from recommend.ranking.reasons import SAME_TOPIC, Evidence, shared_terms, terms_in_all
from recommend.settings import PolicySettings

_PUBLIC = Access.PUBLIC


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
            terms_in_all(shared[i], [text for text, access in texts if access != _PUBLIC]),
            lexical[i],
            float(some.probabilities[i]),
            [headline, query.headline],
            age(view, query, some, i),
            names[i],
            updates[i],
            _shared_labels(query.tags, tags, snapshot.tags, view.segments[0].tags),
            _shared_labels(query.authors, authors, snapshot.authors, view.segments[0].authors),
            table.value("language", row),
        )
        found.append(evidence)
    return found


def age(view: View, query: Query, chosen: Candidates, i: int) -> timedelta | None:
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
