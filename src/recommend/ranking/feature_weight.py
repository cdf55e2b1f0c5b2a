"""How one feature counts: what it adds to a score is a line, or two of different slope (an additive model; Hastie and
Tibshirani, 1986)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FloatArray = NDArray[np.float64]
_ROUNDING = 1e-9


class Bend(BaseModel):
    """Where the weight of a feature changes under brief items.

    Attributes:
        at: the value, in deviations from the mean; not 0. Beyond is farther from the mean than that.
        short: by how much the weight is higher there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    short: float

    @field_validator("at")
    @classmethod
    def _not_at_the_mean(cls, at: float) -> float:
        if at == 0:
            raise ValueError("a bend at the mean would have no side that is farther from it")
        return at

    def scaled(self, factor: float) -> Self:
        """The same bend of a weight that is multiplied."""
        return self.model_copy(update={"short": factor * self.short})

    def adds(self, standardised: FloatArray) -> FloatArray:
        """What it adds to the score for each of some values, in deviations from the mean."""
        side = np.maximum if self.at > 0 else np.minimum
        return self.short * side(standardised - self.at, 0.0)


class FeatureWeight(BaseModel):
    """How one feature counts.

    Attributes:
        long: weight for an article of many terms; ``short`` for an item of a few sentences, see
            :meth:`~recommend.ranking.corpus.Corpus.length_weight`.
        apart: for long articles where even the nearest articles have few words in common, see
            :class:`~recommend.ranking.corpus.Corpus`.
        mean, deviation: those it has over candidates in general, the scale it is brought to.
        worth: what it is worth in the corpus that the weights are from, see
            :class:`~recommend.index.snapshot.layout.Manifest`; where it is worth more or less they follow, None: they
            do not.
        bend: where ``short`` changes; more of the feature never says less than some of it. None: nowhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    long: float
    short: float
    apart: float
    mean: float
    deviation: float
    worth: float | None = Field(None, gt=0.0)
    bend: Bend | None = None

    @model_validator(mode="after")
    def _never_turns(self) -> Self:
        if self.bend is not None and self.short * (self.short + self.bend.short) < -_ROUNDING:
            raise ValueError(f"the weight {self.short} turns to {self.short + self.bend.short:.4g} at the bend")
        return self

    def times(self, factor: float) -> Self:
        """The same with its weights multiplied."""
        weights = {name: factor * getattr(self, name) for name in ("long", "short", "apart")}
        bend = None if self.bend is None else self.bend.scaled(factor)
        return self.model_copy(update={**weights, "bend": bend})

    def under_brief(self, value: float) -> float:
        """What a value of the feature adds to the score under a brief item."""
        standardised = (value - self.mean) / self.deviation
        beyond = 0.0 if self.bend is None else float(self.bend.adds(np.array(standardised)))
        return self.short * standardised + beyond
