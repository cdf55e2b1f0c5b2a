"""How an article that changed scores under many queries at once: every feature, seen from the other side.

:func:`~recommend.ranking.features.compute_features` compares one query with many articles; here many articles, as
queries, are compared with one that they may recommend. Both give the same but for rounding, which a test looks at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.index.dates import days_apart
from recommend.index.expansion import NEIGHBOUR_SHARE
from recommend.index.lexical import TermMatrix, stack
from recommend.index.lexicon import TermVector
from recommend.index.segment import Segment
from recommend.index.titles import mentions
from recommend.index.view import View
from recommend.ranking.candidates import FEATURES, Candidates, Place
from recommend.ranking.features import length
from recommend.ranking.shortlist import Scoring

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def scores_under(scoring: Scoring, number: int, rows: IntArray, means: FloatArray, place: Place) -> FloatArray:
    """(m,) ranking scores of the changed article at ``place`` under the articles at ``rows`` (m,) of segment
    ``number``; ``means`` (m, f) as in :class:`~recommend.ranking.shortlist.Shortlist`."""
    view = scoring.view
    segment = view.segments[number]
    features = features_under(view, number, rows, place)
    weights = scoring.corpus.length_weights(segment.matrix.word_counts(rows))[:, None]
    languages = segment.table.codes("language")[rows]
    scores = np.empty(len(rows), np.float32)
    for code in np.unique(languages).tolist():
        some = languages == code
        language = segment.table.values("language")[code] if code >= 0 else None
        candidates = Candidates.of(place[0], np.full(int(some.sum()), place[1]), rows[some], features[some])
        scores[some] = scoring.each(candidates, language, weights[some], means[some]).scores
    return scores


def features_under(view: View, number: int, rows: IntArray, place: Place) -> FloatArray:
    """(m, f) what :func:`~recommend.ranking.features.compute_features` tells of the article at ``place`` under each of
    the articles at ``rows`` (m,) of segment ``number``. Infinite where it is not known here how to tell a feature."""
    segment, (other, row) = view.segments[number], place
    changed = view.segments[other]
    moment = int(changed.table.published_at[row])
    days = days_apart(segment.table.published_at[rows], moment)
    lexical, context = _lexical(segment, rows, changed.matrix.vector(row))
    known = {
        "dense": to_float32(segment.embeddings[rows]) @ to_float32(changed.embeddings[row]),
        "lexical": lexical,
        "context": context,
        "titles": mentions(segment.matrix, rows, changed.titles.vector(row)),
        "length": np.repeat(length(changed.matrix, np.array([row])), len(rows)),
        "backlinks": changed.backlinks.evidence_under(row, segment.link_as[rows]),
        "time_curve": segment.time_curve.at(days),
        "days_log": -np.log1p(days),
        "section": _same_section(segment, rows, changed.table.value("section", row)),
        "tags": _labels(segment.tags, rows, changed.tags.vector(row)),
        "authors": _labels(segment.authors, rows, changed.authors.vector(row)),
    }
    unknown = np.full(len(rows), np.inf)
    return np.column_stack([known.get(name, unknown) for name in FEATURES]).astype(np.float32)


def _lexical(segment: Segment, rows: IntArray, terms: TermVector) -> tuple[FloatArray, FloatArray]:
    if segment.neighbours is None:
        weights = _spread(terms, segment.matrix)
        contexts = stack([segment.contexts[row] for row in rows.tolist()], len(weights))
        return segment.matrix.rows[rows] @ weights, contexts.rows @ weights
    alone = segment.matrix.postings[terms.terms].T @ terms.weights
    mixed = (1 - NEIGHBOUR_SHARE) * alone[rows] + NEIGHBOUR_SHARE * alone[segment.neighbours[rows]].mean(axis=1)
    return alone[rows], mixed / segment.lengths[rows]


def _same_section(segment: Segment, rows: IntArray, section: str | None) -> FloatArray:
    if section is None:
        return np.full(len(rows), np.nan, np.float32)
    codes = segment.table.codes("section")[rows]
    return np.where(codes < 0, np.nan, codes == segment.table.code("section", section)).astype(np.float32)


def _labels(matrix: TermMatrix, rows: IntArray, labels: TermVector) -> FloatArray:
    if not len(labels.terms):
        return np.full(len(rows), np.nan, np.float32)
    some = matrix.rows[rows]
    labelled = abs(some).sum(axis=1) > 0
    return np.where(labelled, some @ _spread(labels, matrix), np.float32(np.nan))


def _spread(vector: TermVector, matrix: TermMatrix) -> FloatArray:
    weights = np.zeros(matrix.rows.shape[1], np.float32)
    weights[vector.terms] = vector.weights
    return weights
