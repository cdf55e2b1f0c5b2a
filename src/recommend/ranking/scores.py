"""Scores of candidates: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommend.ranking.candidates import Candidates
from recommend.ranking.corpus import Corpus
from recommend.ranking.features import comparable
from recommend.ranking.model import Ranker

FloatArray = NDArray[np.float32]


def neutral(
    features: FloatArray,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    sizes: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """(f,) the mean of features (n, f) in deviations from the general mean, over the candidates of which each says
    something; 0 where it says nothing of any. Of lists of some ``sizes``, one after the other, (lists, f)."""
    lengths = np.array([len(features)] if sizes is None else sizes)
    listed = lengths > 0
    starts = (np.cumsum(lengths) - lengths)[listed]
    known = ~np.isnan(features)
    totals, counts = np.zeros((2, len(lengths), features.shape[1]))
    if len(starts):
        totals[listed] = np.add.reduceat(np.where(known, (features - mean) / deviation, 0.0), starts)
        counts[listed] = np.add.reduceat(known.astype(np.float64), starts)
    means: NDArray[np.float64] = totals / np.maximum(counts, 1)
    return means[0] if sizes is None else means


def standardise(
    features: FloatArray,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    means: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Features (n, f) in deviations from the general mean; where one says nothing (NaN), that of ``means``, (f,) or
    (n, f): by default :func:`neutral`'s of these.

    The scale is the same under every query: that the best of a bad list is bad can be seen.
    """
    scaled = (features - mean) / deviation
    stand_in = neutral(features, mean, deviation) if means is None else means
    standardised: NDArray[np.float64] = np.where(np.isnan(features), stand_in, scaled)
    return standardised


def score(
    candidates: Candidates,
    ranker: Ranker,
    length_weight: float | NDArray[np.float64],
    corpus: Corpus,
    means: NDArray[np.float64] | None = None,
) -> Candidates:
    """The candidates under a query of length weight 0…1, or each under one of its own (n, 1), in a corpus with scores
    and probabilities, in the order they came; ``means`` as for :func:`standardise`."""
    standardised = standardise(comparable(candidates.features, corpus.unit), ranker.means, ranker.deviations, means)
    contributions = ranker.contributions(standardised, length_weight, corpus).astype(np.float32)
    intercept = np.ravel(ranker.intercept(length_weight, corpus)).astype(np.float32)
    scores = contributions.sum(axis=1) + intercept
    return replace(
        candidates,
        contributions=contributions,
        scores=scores,
        probabilities=ranker.calibration.probabilities(scores),
    )
