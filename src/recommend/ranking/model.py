"""Scoring candidates: pure functions on arrays. A ranker is a JSON file that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recommend.errors import SettingsError, truncated_repr
from recommend.ranking.calibration import Calibration
from recommend.ranking.candidates import FEATURES, TIME_FEATURES
from recommend.ranking.corpus import USUAL_NEARNESS, Corpus
from recommend.ranking.feature_weight import Bend, FeatureWeight
from recommend.resources import model_file
from recommend.settings import RankingSettings

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_MOST_WORTH = 2.0

_SEEN, _ENOUGH = 10, 50
_POWER, _LEAST_SHARE = 0.75, 0.1
_USUAL_ERROR, _LEAST_ERROR = 0.015, 0.005


class Intercepts(BaseModel):
    """The score of an article whose every feature is at its mean, by kind of text as in :class:`FeatureWeight`;
    ``covered`` stands in for ``short`` where what happens is told many times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    long: float = 0.0
    short: float = 0.0
    apart: float = 0.0
    covered: float | None = None

    def of(self, length_weight: float | NDArray[np.float64], corpus: Corpus) -> float | NDArray[np.float64]:
        """That under a query of length weight 0…1, or under each of several, in a corpus."""
        covered = self.short if self.covered is None else self.covered
        short = (1.0 - corpus.coverage) * self.short + corpus.coverage * covered
        long = corpus.similarity * self.long + (1.0 - corpus.similarity) * self.apart
        return (1.0 - length_weight) * short + length_weight * long


class Ranker(BaseModel):
    """A linear model over standardised features, some of whose weights have a bend.

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
            raise SettingsError(
                f"{path}: feature {truncated_repr(min(unknown))} is unknown: there are {', '.join(FEATURES)}"
            )
        return ranker

    @classmethod
    def of(cls, settings: RankingSettings, models: Path) -> Ranker:
        """The ranker that settings name, a file of the folder ``models`` or one that comes with the package.

        Raises:
            SettingsError: as :meth:`load` and :meth:`without`.
        """
        ranker = cls.load(model_file(models, f"{settings.model}.json")).without(settings.without)
        return ranker.scaled(settings.weights).following(settings.corpus_weights)

    def foreign(self, share: float | None = None) -> Ranker:
        """The ranker for queries in a language that the encoder is not made for.

        Args:
            share: of the dense weight that stays; None for ``foreign_dense``.
        """
        if share is None:
            return self._foreign(self.foreign_dense)
        if share not in self._by_share:
            self._by_share[share] = self._foreign(share)
        return self._by_share[share]

    def _foreign(self, share: float) -> Ranker:
        if not {"dense", "context"} <= self.features.keys():
            return self
        dense, context = self.features["dense"], self.features["context"]
        less = dense.times(share)
        more = {
            name: getattr(context, name) + getattr(dense, name) - getattr(less, name)
            for name in ("long", "short", "apart")
        }
        return self._of(self.features | {"dense": less, "context": context.model_copy(update=more)})

    def contributions(
        self, standardised: NDArray[np.float64], length_weight: float | NDArray[np.float64], corpus: Corpus
    ) -> NDArray[np.float64]:
        """(n, f) what features (n, f), standardised, add to scores, under a query of length weight 0…1 in a corpus or
        each under one of its own (n, 1)."""
        added: NDArray[np.float64] = standardised * self.weights(length_weight, corpus)
        brief, factors = 1.0 - np.ravel(length_weight), self.factors(corpus.feature_worth)
        for column, bend in self._bends.items():
            added[:, column] += brief * factors[column] * bend.adds(standardised[:, column])
        return added

    def weights(self, length_weight: float | NDArray[np.float64], corpus: Corpus) -> NDArray[np.float64]:
        """(f,) in the order of FEATURES, 0 for those that do not count, under a query of length weight 0…1 in a corpus;
        (n, f) under queries of length weights (n, 1)."""
        long = corpus.similarity * self._long + (1.0 - corpus.similarity) * self._apart
        weights: NDArray[np.float64] = (1.0 - length_weight) * self._short + length_weight * long
        return weights * self.factors(corpus.feature_worth)

    def intercept(self, length_weight: float | NDArray[np.float64], corpus: Corpus) -> float | NDArray[np.float64]:
        """That of scores under a query of length weight 0…1, or under each of several, in a corpus. Of brief items it
        falls with what the time curve gives beyond the usual to all that is near."""
        curve = self.features.get("time_curve")
        beyond = 0.0
        if curve is not None and corpus.beyond:
            beyond = curve.under_brief(USUAL_NEARNESS + corpus.beyond) - curve.under_brief(USUAL_NEARNESS)
        return self.intercepts.of(length_weight, corpus) - (1.0 - length_weight) * beyond

    def factors(self, worth: Mapping[str, float]) -> NDArray[np.float64]:
        """(f,) what weights are multiplied by in a corpus where features are worth so much: the square root of the
        ratio to what they were worth where the weights are from, a compromise between both, at most 2."""
        factors = np.ones(len(FEATURES))
        for name, here in worth.items():
            there = self.features[name].worth if name in self.features else None
            if there is not None:
                factors[FEATURES.index(name)] = min((here / there) ** 0.5, _MOST_WORTH)
        return factors

    def without(self, names: Sequence[str]) -> Ranker:
        """The ranker with some features left out; ``time`` stands for all that tell of time.

        Raises:
            SettingsError: for a name that is no feature.
        """
        left_out = {feature for name in names for feature in (TIME_FEATURES if name == "time" else (name,))}
        unknown = left_out - set(FEATURES)
        if unknown:
            raise SettingsError(
                f"ranking.without: feature {truncated_repr(min(unknown))} is not one of {', '.join(FEATURES)}"
            )
        return self._of({name: weight for name, weight in self.features.items() if name not in left_out})

    def scaled(self, factors: Mapping[str, float]) -> Ranker:
        """The ranker with weights of some features multiplied; what is set by hand follows no corpus.

        Raises:
            SettingsError: for a name that is no feature of it.
        """
        unknown = factors.keys() - self.features.keys() - set(FEATURES)
        if unknown:
            raise SettingsError(
                f"ranking.weights: feature {truncated_repr(min(unknown))} is not one of {', '.join(FEATURES)}"
            )
        if not factors:
            return self
        features = dict(self.features)
        for name in factors.keys() & features.keys():
            features[name] = features[name].times(factors[name]).model_copy(update={"worth": None})
        return self._of(features)

    def following(self, follows: bool) -> Ranker:
        """The ranker whose weights follow what features are worth in a corpus, or do not."""
        if follows:
            return self
        return self._of({name: one.model_copy(update={"worth": None}) for name, one in self.features.items()})

    def _of(self, features: dict[str, FeatureWeight]) -> Ranker:
        # Not by model_copy, which takes cached properties along.
        return Ranker(
            features=features,
            foreign_dense=self.foreign_dense,
            intercepts=self.intercepts,
            calibration=self.calibration,
        )

    @cached_property
    def _by_share(self) -> dict[float, Ranker]:
        return {}

    @cached_property
    def _bends(self) -> dict[int, Bend]:
        """By place in FEATURES."""
        return {FEATURES.index(name): one.bend for name, one in self.features.items() if one.bend is not None}

    @cached_property
    def _short(self) -> NDArray[np.float64]:
        return self._numbers("short", 0.0)

    @cached_property
    def _long(self) -> NDArray[np.float64]:
        return self._numbers("long", 0.0)

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


def dense_share(agreement: Mapping[str, tuple[float, int]], own: str, language: str, usual: float) -> float:
    """How much of the dense weight stays, 0…1, under a query in a language that the encoder is not made for.

    The more, the less the embeddings err: their error in the encoder's own language over that in this one, to a power
    that was fitted on embeddings made worse by noise (docs/languages.md). The error is held near what ``usual`` would
    come of, as if that had been seen in _SEEN further articles.

    Args:
        agreement: by language, see :func:`recommend.index.agreement.agreement`.
        own: language of the encoder.
        language: of the query.
        usual: the share where nothing is known.
    """
    if language not in agreement or not usual:
        return usual
    best, few = agreement.get(own, (0.0, 0))
    least = max(1 - best, _LEAST_ERROR) if few >= _ENOUGH else _USUAL_ERROR
    share, articles = agreement[language]
    error = ((1 - share) * articles + least / usual ** (1 / _POWER) * _SEEN) / (articles + _SEEN)
    return round(float(min(max((least / error) ** _POWER, _LEAST_SHARE), 1.0)), 3)
