"""What a corpus is like, as far as weights follow it; all of it is in the manifest of its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recommend.index.snapshot.layout import Manifest
from recommend.ranking.features import DENSE_UNIT

APART, ALIKE = 0.3, 0.45
UNCOVERED, COVERED = 0.48, 0.6


@dataclass(frozen=True, slots=True)
class Corpus:
    """A kind of corpus.

    Attributes:
        similarity: how far, 0…1, an article's nearest may speak for it.
        coverage: how far, 0…1, what happens is told many times here, so that the nearest are as good as always related.
        unit: deviation of dense cosines over random pairs.
        label_worth: see :mod:`recommend.index.label_worth`.
    """

    similarity: float
    coverage: float = 0.0
    unit: float = DENSE_UNIT
    label_worth: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest) -> Corpus:
        """That of a snapshot."""
        alike = manifest.mean_similarity
        return cls(similarity_weight(alike), coverage(alike), manifest.units[0], manifest.label_worth)


def similarity_weight(mean_similarity: float) -> float:
    """0 where the mean lexical cosine of articles and their nearest is at most 0.3, as of a blog's posts, 1 from 0.45
    on, as of reports of the same events, straight in between."""
    return min(max((mean_similarity - APART) / (ALIKE - APART), 0.0), 1.0)


def coverage(mean_similarity: float) -> float:
    """0 where it is at most 0.48, as of one newsroom's items, 1 from 0.6 on, as where many tell the same event."""
    return min(max((mean_similarity - UNCOVERED) / (COVERED - UNCOVERED), 0.0), 1.0)
