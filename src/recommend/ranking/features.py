"""What ranking knows of a candidate under a query: one number for each feature."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32, unique_inverse
from recommend.index.dates import days_apart
from recommend.index.expansion import NEIGHBOUR_SHARE
from recommend.index.labels import similarity
from recommend.index.query import Query
from recommend.index.segment import Segment
from recommend.index.titles import mentioned
from recommend.ranking.candidates import FEATURES, Candidates

FloatArray = NDArray[np.float32]
DENSE_UNIT = 0.13
"""Deviation of dense cosines over random pairs of articles, at which rankers' means and deviations are stated."""
_DENSE = FEATURES.index("dense")
_MOST_SCALED = 2.0


IntArray = NDArray[np.int64]


def comparable(features: FloatArray, unit: float) -> FloatArray:
    """Features (n, f) as they would be in a corpus whose dense cosines deviate by DENSE_UNIT over random pairs; in
    theirs they deviate by ``unit``, which a handful of articles tells badly, so that it counts within bounds."""
    scaled = features.copy()
    scaled[:, _DENSE] /= min(max(unit / DENSE_UNIT, 1 / _MOST_SCALED), _MOST_SCALED)
    return scaled


def compute_features(segment: Segment, number: int, query: Query, rows: IntArray) -> Candidates:
    """The articles at ``rows`` with their features; ``number`` is the segment's own in its view."""
    lexical, context = _lexical(segment, query, rows)
    days = days_apart(segment.table.published_at[rows], query.published_at)
    features = np.column_stack(
        [
            # not by BLAS, whose sums differ in the last place with what else is asked for
            np.einsum("nd,d->n", to_float32(segment.embeddings[rows]), query.embedding),
            lexical,
            context,
            mentioned(query.terms, segment.titles, rows),
            segment.time_curve.at(days),
            -np.log1p(days),
            _same_section(segment, query.section, rows),
            similarity(query.tags, segment.tags, rows),
            similarity(query.authors, segment.authors, rows),
        ]
    ).astype(np.float32)
    return Candidates.of(number, rows, segment.groups[rows], features)


def _lexical(segment: Segment, query: Query, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Lexical cosines of the articles alone, and of articles and query both expanded."""
    if segment.neighbours is None:
        alone, context = segment.matrix.scores(rows, query.terms, query.context)
        return alone, context
    members = np.column_stack([rows, segment.neighbours[rows]])
    needed, place = unique_inverse(members, segment.matrix.rows.shape[0])
    alone, both = segment.matrix.scores(needed, query.terms, query.context)
    scores = both[place]
    mixed = (1 - NEIGHBOUR_SHARE) * scores[:, 0] + NEIGHBOUR_SHARE * scores[:, 1:].mean(axis=1)
    return alone[place[:, 0]], mixed / segment.lengths[rows]


def _same_section(segment: Segment, section: str | None, rows: IntArray) -> FloatArray:
    """1 in the query's section, 0 in another, NaN where either is unknown."""
    if section is None:
        return np.full(len(rows), np.nan, np.float32)
    codes = segment.table.codes("section")[rows]
    same = codes == segment.table.code("section", section)
    return np.where(codes < 0, np.nan, same).astype(np.float32)


def contributions(candidates: Candidates, i: int, told: Collection[str]) -> dict[str, dict[str, float | None]]:
    """Of candidate ``i``, for each feature that is ``told`` its value (None where unknown) and what it adds to the
    ranking score."""
    values, parts = candidates.features[i].tolist(), candidates.contributions[i].tolist()
    return {
        name: {"value": None if np.isnan(value) else round(value, 4), "adds": round(part, 4)}
        for name, value, part in zip(FEATURES, values, parts, strict=True)
        if name in told
    }
