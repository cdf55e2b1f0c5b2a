"""Which articles of a corpus are near each other, and what their nearness tells of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.index.dense import VectorIndex
from recommend.index.expansion import expansion_pays, mean_similarity, nearest, units
from recommend.index.lexical import TermMatrix
from recommend.index.time_curve import TimeCurve, measure
from recommend.settings import IndexSettings


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The nearest others of n articles.

    Attributes:
        rows: (n, c) int32 those that each is expanded by; its own row where it stands alone.
        by_content: (n, c) int32 the nearest whatever their dates.
        units: see :func:`~recommend.index.expansion.units`.
        similarity: see :func:`~recommend.index.expansion.mean_similarity`.
        expands: whether articles are expanded by their neighbours.
        time_curve: how much nearer in time neighbours are than others.
    """

    rows: NDArray[np.int32]
    by_content: NDArray[np.int32]
    units: tuple[float, float]
    similarity: float
    expands: bool
    time_curve: TimeCurve

    @classmethod
    def of(
        cls,
        embeddings: NDArray[np.float32],
        index: VectorIndex,
        matrix: TermMatrix,
        published_at: NDArray[np.int64],
        groups: NDArray[np.uint64],
        typical_words: float,
        settings: IndexSettings,
        alone: NDArray[np.bool_] | None,
    ) -> Neighbourhood:
        """The one of embeddings (n, d) and their terms.

        Args:
            index: of the embeddings.
            published_at: (n,) seconds since 1970.
            groups: (n,) duplicate groups.
            typical_words: see :attr:`~recommend.index.term_counts.TermCounts.typical_words`.
            alone: (n,) which articles are never expanded; None for none of them.
        """
        deviations = units(embeddings, matrix)
        rows, by_content = nearest(embeddings, index, matrix, published_at, deviations, settings.expansion_time)
        similarity = mean_similarity(matrix, by_content)
        expands = settings.expansion and expansion_pays(typical_words, similarity)
        own = np.arange(len(rows), dtype=np.int32)[:, None]
        if not expands:
            rows = np.broadcast_to(own, rows.shape).copy()
        elif alone is not None:
            rows = np.where(alone[:, None], own, rows)
        curve = measure(published_at, by_content, groups)
        return cls(rows, by_content, deviations, similarity, expands, curve)
