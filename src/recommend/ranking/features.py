"""What ranking knows of a candidate under a query: one number for each feature."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32, unique_inverse
from recommend.index.dates import MISSING, days_apart
from recommend.index.expansion import NEIGHBOUR_SHARE
from recommend.index.labels import similarity
from recommend.index.lexical import TermMatrix
from recommend.index.query import Query
from recommend.index.segment import Segment
from recommend.index.titles import mentioned
from recommend.ranking.candidates import FEATURES, Candidates

FloatArray = NDArray[np.float32]
DENSE_UNIT = 0.13
"""Deviation of dense cosines over random pairs of articles, at which rankers' means and deviations are stated."""
_DENSE = FEATURES.index("dense")
_MOST_SCALED = 2.0
_HUNDRED = 100


IntArray = NDArray[np.int64]


def comparable(features: FloatArray, unit: float) -> FloatArray:
    """Features (n, f) as they would be in a corpus whose dense cosines deviate by DENSE_UNIT over random pairs; in
    theirs they deviate by ``unit``, which a handful of articles tells badly, so that it counts within bounds."""
    scaled = features.copy()
    scaled[:, _DENSE] /= min(max(unit / DENSE_UNIT, 1 / _MOST_SCALED), _MOST_SCALED)
    return scaled


def compute_features(segment: Segment, number: int, query: Query, rows: IntArray, *, as_of: bool = False) -> Candidates:
    """The articles at ``rows`` with their features; ``number`` is the segment's own in its view. ``as_of``: as they
    were when the query was published, without the links that came later."""
    return compute_features_each(segment, number, [query], [rows], as_of=as_of)


def compute_features_each(
    segment: Segment, number: int, queries: Sequence[Query], rows: Sequence[IntArray], *, as_of: bool = False
) -> Candidates:
    """The same of some queries, at least one, with the articles at some rows each, one query's after the other's."""
    both, sizes = np.concatenate(rows), [*map(len, rows)]
    days = days_apart(segment.table.published_at[both], np.repeat([query.published_at for query in queries], sizes))
    lexical, context = _lexical(segment, queries, rows)
    before = [query.published_at if as_of and query.published_at != MISSING else None for query in queries]
    features = np.column_stack(
        [
            np.concatenate([_dense(segment, query, some) for query, some in zip(queries, rows, strict=True)]),
            lexical,
            context,
            mentioned([query.terms for query in queries], segment.titles, rows),
            length(segment.matrix, both),
            segment.backlinks.evidence(
                rows, [query.group if query.links_as is None else query.links_as for query in queries], before
            ),
            segment.time_curve.at(days),
            -np.log1p(days),
            same_section(segment, [query.section for query in queries], rows),
            similarity([query.tags for query in queries], segment.tags, rows),
            similarity([query.authors for query in queries], segment.authors, rows),
        ]
    ).astype(np.float32)
    return Candidates.of(number, both, segment.groups[both], features)


def _dense(segment: Segment, query: Query, rows: IntArray) -> FloatArray:
    # not by BLAS, whose sums differ in the last place with what else is asked for
    cosines: FloatArray = np.einsum("nd,d->n", to_float32(segment.embeddings[rows]), query.embedding)
    return cosines


def _lexical(segment: Segment, queries: Sequence[Query], rows: Sequence[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Lexical cosines of the articles alone, and of articles and query both expanded."""
    terms, contexts = [query.terms for query in queries], [query.context for query in queries]
    if segment.neighbours is None:
        alone, context = segment.matrix.scores_each(rows, terms, contexts)
        return alone, context
    members = [np.column_stack([some, segment.neighbours[some]]) for some in rows]
    needed, places = zip(*(unique_inverse(some, segment.matrix.rows.shape[0]) for some in members), strict=True)
    starts = np.cumsum([0, *map(len, needed)])
    place = np.concatenate([some + start for some, start in zip(places, starts.tolist(), strict=False)])
    alone, both = segment.matrix.scores_each(needed, terms, contexts)
    scores = both[place]
    mixed = (1 - NEIGHBOUR_SHARE) * scores[:, 0] + NEIGHBOUR_SHARE * scores[:, 1:].mean(axis=1)
    return alone[place[:, 0]], mixed / segment.lengths[np.concatenate(rows)]


def length(matrix: TermMatrix, rows: IntArray) -> FloatArray:
    """(n,) how long the articles at ``rows`` are: the natural logarithm of how many different terms of words they have,
    in hundreds."""
    hundreds: FloatArray = np.log(np.maximum(matrix.word_counts(rows), 1) / _HUNDRED).astype(np.float32)
    return hundreds


def same_section(segment: Segment, sections: Sequence[str | None], rows: Sequence[IntArray]) -> FloatArray:
    """1 in the query's section, 0 in another, NaN where either is unknown."""
    codes = segment.table.codes("section")[np.concatenate(rows)]
    own = np.repeat([segment.table.code("section", section) for section in sections], [*map(len, rows)])
    unknown = (codes < 0) | (own == segment.table.code("section", None))
    return np.where(unknown, np.nan, codes == own).astype(np.float32)


def contributions(candidates: Candidates, i: int, told: Collection[str]) -> dict[str, dict[str, float | None]]:
    """Of candidate ``i``, for each feature that is ``told`` its value (None where unknown) and what it adds to the
    ranking score."""
    values, parts = candidates.features[i].tolist(), candidates.contributions[i].tolist()
    return {
        name: {"value": None if np.isnan(value) else round(value, 4), "adds": round(part, 4)}
        for name, value, part in zip(FEATURES, values, parts, strict=True)
        if name in told
    }
