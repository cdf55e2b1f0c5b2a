"""Properties of a corpus that the ranker's weights depend on; all are in the manifest of its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommend.index.snapshot.layout import Manifest
from recommend.ranking.features import DENSE_UNIT

APART, ALIKE = 0.3, 0.45
BRIEF_TERMS, FULL_TERMS = 30, 50
UNCOVERED, COVERED = 0.53, 0.6
USUAL_NEARNESS = 1.6


@dataclass(frozen=True, slots=True)
class Corpus:
    """A kind of corpus.

    Attributes:
        similarity: how far, 0…1, an article's nearest may speak for it.
        coverage: how far, 0…1, what happens is told many times here, so that the nearest are as good as always related.
        typical_terms: how many different terms of words its articles have, the median; 0 where that is unknown.
        unit: deviation of dense cosines over random pairs.
        feature_worth: see :class:`~recommend.index.snapshot.layout.Manifest`.
        beyond: by how much the time curve is higher on the same day than over one year of a newsroom, 0 where it is
            not: the more years an archive spans, the farther apart random pairs are, and the more of them unrelated.
    """

    similarity: float
    coverage: float = 0.0
    typical_terms: float = 0.0
    unit: float = DENSE_UNIT
    feature_worth: Mapping[str, float] = field(default_factory=dict)
    beyond: float = 0.0

    @classmethod
    def of(cls, manifest: Manifest) -> Corpus:
        """That of a snapshot."""
        alike = manifest.mean_similarity
        return cls(
            similarity_weight(alike),
            coverage(alike),
            manifest.typical_terms,
            manifest.units[0],
            manifest.feature_worth,
            max(float(manifest.time_curve.at(np.zeros(1))[0]) - USUAL_NEARNESS, 0.0),
        )

    def length_weight(self, terms: int) -> float:
        """How far, 0…1, an article of so many different terms of words is ranked as full text, and not as a brief item.

        0 where the geometric mean of that number and ``typical_terms`` is at most 30, 1 from 50 on, straight in
        between: a page of 40 words is full text among pages, and a long item among briefs.
        """
        return float(self.length_weights(np.array(terms)))

    def length_weights(self, terms: NDArray[np.integer]) -> NDArray[np.float64]:
        """:meth:`length_weight` of each of several."""
        means = np.sqrt(terms * (self.typical_terms or terms))
        weights: NDArray[np.float64] = np.clip((means - BRIEF_TERMS) / (FULL_TERMS - BRIEF_TERMS), 0.0, 1.0)
        return weights


def similarity_weight(mean_similarity: float) -> float:
    """0 where the mean lexical cosine of articles and their nearest is at most 0.3, as of a blog's posts, 1 from 0.45
    on, as of reports of the same events, straight in between."""
    return min(max((mean_similarity - APART) / (ALIKE - APART), 0.0), 1.0)


def coverage(mean_similarity: float) -> float:
    """0 where it is at most 0.53, as of one newsroom's items (0.44 in a year, 0.51 in 22), 1 from 0.6 on, as where many
    tell the same event."""
    return min(max((mean_similarity - UNCOVERED) / (COVERED - UNCOVERED), 0.0), 1.0)
