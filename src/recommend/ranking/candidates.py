"""Articles that may be recommended, as aligned arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Place = tuple[int, int]
"""The segment of a view, and the row there."""

TIME_FEATURES = ("time_curve", "days_log")
CARD_FEATURES = (*TIME_FEATURES, "section", "tags", "authors")
"""Those that cards tell as well; all others are of bodies, those of an article's nearest neighbours among them."""
FEATURES = ("dense", "lexical", "context", "titles", "length", "backlinks", *CARD_FEATURES)


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

    @property
    def places(self) -> list[Place]:
        """(n,) where each is."""
        return list(zip(self.segments.tolist(), self.rows.tolist(), strict=True))

    def by_segment(self) -> Iterator[tuple[int, IntArray, IntArray]]:
        """The segments that have some: number, positions of theirs among the candidates (m,), and their rows (m,)."""
        for number in range(int(self.segments.max(initial=-1)) + 1):
            here = np.flatnonzero(self.segments == number)
            if len(here):
                yield number, here, self.rows[here]

    def take(self, which: IntArray | BoolArray | slice) -> Candidates:
        """Those at the given positions, or where the mask is true."""
        if not isinstance(which, slice) and which.dtype == np.bool_:
            if which.all():
                return self
            which = np.flatnonzero(which)  # once, and not for each array
        return Candidates(
            self.segments[which],
            self.rows[which],
            self.groups[which],
            self.features[which],
            self.contributions[which],
            self.scores[which],
            self.probabilities[which],
        )

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


def rounded(cosines: FloatArray) -> FloatArray:
    """Cosines (n,) as ready lists hold them: what is decided by them is decided alike with a list and without."""
    return cosines.astype(np.float16).astype(np.float32)


_ARRAYS = tuple(field.name for field in fields(Candidates))
