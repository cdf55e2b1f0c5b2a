"""Labels that editors' rules exclude from similarity, such as a section "Newsletter" or a tag "2024"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommend.articles.rules import Signals
from recommend.index.labels import NONE, similarity
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.features import same_section
from recommend.ranking.matching import having
from recommend.ranking.shortlist import Scoring

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_SECTION, _TAGS, _AUTHORS = (FEATURES.index(name) for name in ("section", "tags", "authors"))


def without_signals(view: View, query: Query, ignored: Sequence[Signals]) -> Query:
    """The query without what says nothing; the query itself where that is none of it."""
    sections, tags, authors = (_of(ignored, name) for name in ("section", "tag", "author"))
    section = None if query.section in sections else query.section
    bare_tags = _without(query.tags, view.snapshot.tags, tags)
    bare_authors = _without(query.authors, view.snapshot.authors, authors)
    if section is query.section and bare_tags is query.tags and bare_authors is query.authors:
        return query
    return replace(query, section=section, tags=bare_tags, authors=bare_authors)


def rescored(
    scoring: Scoring, query: Query, candidates: Candidates, means: NDArray[np.float64], ignored: Sequence[Signals]
) -> Candidates:
    """Scored candidates as they are scored without those signals, best first; the same where they say nothing of any.
    Of their features, those of labels are looked at alone: the others need not be known."""
    bare = without_signals(scoring.view, query, ignored)
    columns = _changed(scoring.view, query, bare, candidates, _of(ignored, "section"))
    if not columns:
        return candidates
    ranker = scoring.ranker_of(query.language)
    length_weight = scoring.corpus.length_weight(query.term_count)
    features, contributions = candidates.features.copy(), candidates.contributions.copy()
    scores = candidates.scores
    for column, (before, after) in columns.items():
        mean, deviation = ranker.means[column], ranker.deviations[column]
        standardised = np.zeros((2, *features.shape))
        standardised[:, :, column] = [
            np.where(np.isnan(one), means[column], (one - mean) / deviation) for one in (before, after)
        ]
        then, now = (
            ranker.contributions(one, length_weight, scoring.corpus)[:, column].astype(np.float32)
            for one in standardised
        )
        features[:, column], contributions[:, column] = after, now
        scores = scores + (now - then)
    told = replace(
        candidates,
        features=features,
        contributions=contributions,
        scores=scores,
        probabilities=ranker.calibration.probabilities(scores),
    )
    return scoring.best_first(told)


def _changed(
    view: View, query: Query, bare: Query, candidates: Candidates, sections: frozenset[str]
) -> dict[int, tuple[FloatArray, FloatArray]]:
    """By feature that those signals have a say in, its values with them and without."""
    columns = [_TAGS] if bare.tags is not query.tags else []
    columns += [_AUTHORS] if bare.authors is not query.authors else []
    unheard = _in_sections(view, candidates, sections)
    if query.section is not None and (bare.section is None or unheard.any()):
        columns.append(_SECTION)
    changed = {}
    for column in columns:
        before, after = (_feature(view, one, candidates, column) for one in (query, bare))
        if column == _SECTION:
            after[unheard] = np.nan
        changed[column] = before, after
    return changed


def _in_sections(view: View, candidates: Candidates, sections: frozenset[str]) -> BoolArray:
    mask = np.zeros(len(candidates), np.bool_)
    for number, here, rows in candidates.by_segment() if sections else ():
        mask[here] = having(view.segments[number].table, "section", sections, rows)
    return mask


def _feature(view: View, query: Query, candidates: Candidates, column: int) -> FloatArray:
    """(n,) one feature of labels."""
    values = np.empty(len(candidates), np.float32)
    for number, here, rows in candidates.by_segment():
        segment = view.segments[number]
        if column == _SECTION:
            values[here] = same_section(segment, [query.section], [rows])
        elif column == _TAGS:
            values[here] = similarity([query.tags], segment.tags, [rows])
        else:
            values[here] = similarity([query.authors], segment.authors, [rows])
    return values


def _of(ignored: Sequence[Signals], name: str) -> frozenset[str]:
    return frozenset(value for one in ignored for value in getattr(one, name))


def _without(vector: TermVector, lexicon: Lexicon, labels: frozenset[str]) -> TermVector:
    """The unit vector without some labels."""
    if not labels or not len(vector.terms):
        return vector
    kept = ~np.isin(vector.terms, lexicon.columns(sorted(label.casefold() for label in labels)))
    if kept.all():
        return vector
    weights = vector.weights[kept]
    length = float(np.linalg.norm(weights))
    return TermVector(vector.terms[kept], weights / np.float32(length)) if length else NONE
