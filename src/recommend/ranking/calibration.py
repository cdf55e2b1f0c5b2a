"""How ranking scores become probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FloatArray = NDArray[np.float32]
_MOST_ODDS = 60.0  # beyond, a float32 overflows


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
        probabilities: FloatArray = 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(odds, -_MOST_ODDS), _MOST_ODDS)))
        return probabilities
