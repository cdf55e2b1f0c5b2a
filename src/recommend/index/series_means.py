"""What the embeddings of a column's pieces have in common: its name and its form, which tell of no story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import load_mmap
from recommend.index.table import ArticleTable
from recommend.index.titles import numbered_series, series, series_number, titles_of

FloatArray = NDArray[np.float32]

_SHARE = 0.5
_ARRAY = "means.npy"


@dataclass(frozen=True, slots=True)
class SeriesMeans:
    """The mean embeddings of a snapshot's series.

    Attributes:
        means: (s, d) float32, in the order of :func:`~recommend.index.titles.numbered_series`; (0, d) where they are
            not taken off.
        numbers: of series by site and name.
    """

    means: FloatArray
    numbers: Mapping[tuple[str, str], int]

    @classmethod
    def none(cls, dimension: int) -> SeriesMeans:
        """Of a corpus in which the name of a series tells something."""
        return cls(np.zeros((0, dimension), np.float32), {})

    @classmethod
    def of(cls, table: ArticleTable, embeddings: FloatArray) -> SeriesMeans:
        """Those of a table's articles with embeddings (n, d)."""
        titles = titles_of(table)
        return cls.fit(embeddings, titles, series(titles))

    @classmethod
    def fit(
        cls, embeddings: FloatArray, titles: Sequence[tuple[str, str | None]], names: Mapping[str, Sequence[str]]
    ) -> SeriesMeans:
        """Those of articles with embeddings (n, d) and titles (n,), each with its site; ``names`` as
        :func:`~recommend.index.titles.series` gives them."""
        numbers = numbered_series(names)
        own = _own(titles, numbers)
        means: FloatArray = np.zeros((len(numbers), embeddings.shape[1]), np.float32)
        np.add.at(means, own[own >= 0], embeddings[own >= 0])
        means /= np.maximum(np.bincount(own[own >= 0], minlength=len(numbers)), 1).astype(np.float32)[:, None]
        return cls(means, numbers)

    def off(self, embeddings: FloatArray, titles: Sequence[tuple[str, str | None]]) -> FloatArray:
        """Embeddings (n, d) of articles with titles (n,), each with its site, less half the mean of their series, of
        unit length again; a zero vector stays zero."""
        if not len(self.means):
            return embeddings
        own = _own(titles, self.numbers)
        some = (own >= 0) & embeddings.any(axis=1)
        apart = embeddings.copy()
        apart[some] -= np.float32(_SHARE) * self.means[own[some]]
        apart[some] /= np.maximum(np.linalg.norm(apart[some], axis=1, keepdims=True), 1e-9)
        return apart

    def save(self, folder: Path) -> None:
        """Writes them beside the series' names."""
        np.save(folder / _ARRAY, self.means)

    @classmethod
    def load(cls, folder: Path, names: Mapping[str, Sequence[str]], dimension: int) -> SeriesMeans:
        """Opens what :meth:`save` wrote, mapped into memory; none of a snapshot that was built without.

        Raises:
            ValueError: when there are not as many as series, or not of that dimension.
        """
        if not (folder / _ARRAY).exists():
            return cls.none(dimension)
        means, numbers = load_mmap(folder / _ARRAY), numbered_series(names)
        if means.dtype != np.float32 or means.shape not in {(0, dimension), (len(numbers), dimension)}:
            wanted = f"float32 {(len(numbers), dimension)}"
            raise ValueError(f"titles/{_ARRAY} is {means.dtype} {means.shape}, not {wanted}")
        return cls(means, numbers)


def _own(titles: Sequence[tuple[str, str | None]], numbers: Mapping[tuple[str, str], int]) -> NDArray[np.int64]:
    """(n,) the number of each title's series, −1 where it is of none."""
    return np.array([series_number(title, site, numbers) for title, site in titles], np.int64)
