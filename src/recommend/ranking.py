"""Scoring candidates: pure functions on arrays. A ranker is a JSON file that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recommend.errors import SettingsError, shown
from recommend.table import MISSING

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BRIEF_TERMS, FULL_TERMS = 45, 90
APART, ALIKE = 0.25, 0.45
DENSE_UNIT = 0.13
"""Deviation of dense cosines over random pairs of articles, at which rankers' means and deviations are stated."""

TIME_FEATURES = ("time_curve", "days_log")
FEATURES = ("dense", "lexical", "context", *TIME_FEATURES, "section", "tags", "authors")
_DENSE = FEATURES.index("dense")
_MOST_SCALED = 2.0
_MOST_ODDS = 60.0  # beyond, a float32 overflows
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """n articles that may be recommended, aligned.

    Attributes:
        segments: (n,) which segment of the view each comes from; ``rows`` (n,) its row there.
        groups: (n,) uint64 duplicate groups.
        features: (n, len(FEATURES)) float32, NaN where a feature says nothing.
        contributions: (n, len(FEATURES)) float32, what each feature adds to the score.
        scores: (n,) float32 ranking scores; ``probabilities`` (n,) float32 calibrated to 0…1, in the same order.
    """

    segments: NDArray[np.int32]
    rows: IntArray
    groups: NDArray[np.uint64]
    features: FloatArray
    contributions: FloatArray
    scores: FloatArray
    probabilities: FloatArray

    @classmethod
    def of(cls, segment: int, rows: IntArray, groups: NDArray[np.uint64], features: FloatArray) -> Candidates:
        """Candidates of one segment, not scored yet."""
        blank = np.zeros(len(rows), np.float32)
        number = np.full(len(rows), segment, np.int32)
        return cls(number, rows, groups, features, np.zeros_like(features), blank, blank)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: IntArray | BoolArray | slice) -> Candidates:
        """Those at the given positions, or where the mask is true."""
        return Candidates(*(getattr(self, name)[which] for name in _ARRAYS))

    def first(self, count: int) -> Candidates:
        """The first ``count``."""
        return self if len(self) <= count else self.take(slice(count))

    def feature(self, name: str) -> FloatArray:
        """(n,) one feature."""
        return self.features[:, FEATURES.index(name)]

    @staticmethod
    def joined(parts: list[Candidates]) -> Candidates:
        """Candidates of several segments as one."""
        if len(parts) == 1:
            return parts[0]
        return Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS))


_ARRAYS = tuple(field.name for field in fields(Candidates))


class FeatureWeight(BaseModel):
    """How one feature counts.

    Attributes:
        weight: under full text; ``brief`` under items of a few sentences, see :func:`fullness`.
        apart: under full text where even the nearest articles have few words in common, see :func:`alikeness`.
        mean, deviation: those it has over candidates in general, the scale it is brought to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float
    brief: float
    apart: float
    mean: float
    deviation: float


class Intercepts(BaseModel):
    """The score of an article whose every feature is at its mean, by kind of text as in :class:`FeatureWeight`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = 0.0
    brief: float = 0.0
    apart: float = 0.0

    def of(self, full: float, alike: float) -> float:
        """That under a query of fullness 0…1 in a corpus of alikeness 0…1."""
        return (1.0 - full) * self.brief + full * (alike * self.weight + (1.0 - alike) * self.apart)


class Calibration(BaseModel):
    """A logistic curve of a score that bends once: evidence on top of much evidence says less than Platt's (1999)
    straight log-odds would have it.

    Attributes:
        intercept: log-odds at ``knot``.
        below, above: what the log-odds rise with each unit of the score, up to the knot and from there on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    knot: float
    intercept: float
    below: float = Field(ge=0.0)
    above: float = Field(ge=0.0)

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """(n,) float32 of 0…1 that rise with scores (n,)."""
        beyond = scores - np.float32(self.knot)
        odds = self.intercept + self.below * np.minimum(beyond, 0) + self.above * np.maximum(beyond, 0)
        probabilities: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(odds, -_MOST_ODDS, _MOST_ODDS)))
        return probabilities


class Ranker(BaseModel):
    """A linear model over standardised features.

    Attributes:
        features: by name of FEATURES; one that is not named does not count.
        foreign_dense: part of the dense weight that stays for a query in a language the encoder is not made for; the
            rest goes to the lexical side.
        intercepts: make scores of all kinds of text mean the same.
        calibration: turns scores into probabilities.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: dict[str, FeatureWeight]
    foreign_dense: float = Field(ge=0.0, le=1.0)
    intercepts: Intercepts = Intercepts()
    calibration: Calibration

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """Reads a ranker.

        Raises:
            SettingsError: when the file is missing, malformed or names an unknown feature.
        """
        try:
            ranker = cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise SettingsError(f"ranking.model: there is no file {path}") from None
        except ValidationError as problem:
            raise SettingsError(f"{path}: {problem.errors()[0]['loc']}: {problem.errors()[0]['msg']}") from None
        unknown = set(ranker.features) - set(FEATURES)
        if unknown:
            raise SettingsError(f"{path}: feature {shown(min(unknown))} is unknown: there are {', '.join(FEATURES)}")
        return ranker

    def foreign(self) -> Ranker:
        """The ranker for queries in a language that the encoder is not made for."""
        if not {"dense", "context"} <= self.features.keys():
            return self
        dense, context = self.features["dense"], self.features["context"]
        less, more = {}, {}
        for name in ("weight", "brief", "apart"):
            weight = getattr(dense, name)
            less[name] = weight * self.foreign_dense
            more[name] = getattr(context, name) + weight - less[name]
        changed = {"dense": dense.model_copy(update=less), "context": context.model_copy(update=more)}
        return self._of(self.features | changed)

    def weights(self, full: float, alike: float) -> NDArray[np.float64]:
        """(f,) in the order of FEATURES, 0 for those that do not count, under a query of fullness 0…1 in a corpus of
        alikeness 0…1."""
        return (1.0 - full) * self._brief + full * (alike * self._full + (1.0 - alike) * self._apart)

    def without(self, names: Sequence[str]) -> Ranker:
        """The ranker with some features left out; ``time`` stands for all that tell of time.

        Raises:
            SettingsError: for a name that is no feature.
        """
        left_out = {feature for name in names for feature in (TIME_FEATURES if name == "time" else (name,))}
        unknown = left_out - set(FEATURES)
        if unknown:
            raise SettingsError(f"ranking.without: feature {shown(min(unknown))} is none of {', '.join(FEATURES)}")
        return self._of({name: weight for name, weight in self.features.items() if name not in left_out})

    def _of(self, features: dict[str, FeatureWeight]) -> Ranker:
        # Not by model_copy, which takes cached properties along.
        return Ranker(
            features=features,
            foreign_dense=self.foreign_dense,
            intercepts=self.intercepts,
            calibration=self.calibration,
        )

    @cached_property
    def _brief(self) -> NDArray[np.float64]:
        return self._numbers("brief", 0.0)

    @cached_property
    def _full(self) -> NDArray[np.float64]:
        return self._numbers("weight", 0.0)

    @cached_property
    def _apart(self) -> NDArray[np.float64]:
        return self._numbers("apart", 0.0)

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(f,) in the order of FEATURES."""
        return self._numbers("mean", 0.0)

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """(f,) in the order of FEATURES."""
        return self._numbers("deviation", 1.0)

    def _numbers(self, name: str, default: float) -> NDArray[np.float64]:
        return np.array([getattr(self.features[f], name) if f in self.features else default for f in FEATURES])


def fullness(terms: int) -> float:
    """0 for an article of at most BRIEF_TERMS different terms, 1 from FULL_TERMS on, straight in between.

    Words tell more of full text than of a few sentences, so weights follow it.
    """
    return min(max((terms - BRIEF_TERMS) / (FULL_TERMS - BRIEF_TERMS), 0.0), 1.0)


def alikeness(likeness: float) -> float:
    """How far, 0…1, an article's nearest may speak for it in a corpus: 0 where the mean lexical cosine of the two is at
    most 0.25, as of a blog's posts, 1 from 0.45 on, as of reports of the same events, straight in between."""
    return min(max((likeness - APART) / (ALIKE - APART), 0.0), 1.0)


def nearness(published_at: IntArray, others: IntArray | int, scale: float) -> FloatArray:
    """exp(−|Δ| / scale) of moments (n,) in seconds from others, ``scale`` in days; NaN where either is unknown."""
    near = np.exp(-days_apart(published_at, others) / scale)
    return near.astype(np.float32)


def days_apart(published_at: IntArray, others: IntArray | int) -> NDArray[np.float64]:
    """(n,) days between moments (n,) in seconds and others, NaN where either is unknown."""
    unknown = (published_at == MISSING) | (np.asarray(others) == MISSING)
    return np.where(unknown, np.nan, np.abs(published_at.astype(np.float64) - np.asarray(others, np.float64)) / _DAY)


def comparable(features: FloatArray, unit: float) -> FloatArray:
    """Features (n, f) as they would be in a corpus whose dense cosines deviate by DENSE_UNIT over random pairs; in
    theirs they deviate by ``unit``, which a handful of articles tells badly, so that it counts within bounds."""
    scaled = features.copy()
    scaled[:, _DENSE] /= min(max(unit / DENSE_UNIT, 1 / _MOST_SCALED), _MOST_SCALED)
    return scaled


def standardise(features: FloatArray, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (n, f) in deviations from the general mean; where one says nothing (NaN), the mean of the others'.

    The scale is the same under every query: that the best of a bad list is bad can be seen.
    """
    known = ~np.isnan(features)
    scaled = np.where(known, (features - mean) / deviation, 0.0)
    means = scaled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    standardised: NDArray[np.float64] = np.where(known, scaled, means)
    return standardised


def score(candidates: Candidates, ranker: Ranker, full: float, alike: float, unit: float) -> Candidates:
    """The candidates under a query of fullness 0…1 in a corpus of alikeness 0…1 with scores and probabilities, in the
    order they came; ``unit`` as for :func:`comparable`."""
    standardised = standardise(comparable(candidates.features, unit), ranker.means, ranker.deviations)
    contributions = (standardised * ranker.weights(full, alike)).astype(np.float32)
    scores = contributions.sum(axis=1) + np.float32(ranker.intercepts.of(full, alike))
    return replace(
        candidates,
        contributions=contributions,
        scores=scores,
        probabilities=ranker.calibration.probabilities(scores),
    )
