"""From an encoder's embeddings to the space in which articles are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.index.language_means import LanguageMeans, Languages

FloatArray = NDArray[np.float32]

_ARRAYS = ("mean", "adapter", "offset")
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Projection:
    """Centres embeddings on the mean of the corpus (what all articles share says nothing about any of them), and maps
    them by an adapter where there is one. Of several languages, each is taken half-way to the others.

    Attributes:
        mean: (d,) float32, the mean embedding of the snapshot's articles.
        adapter: (d, d) float32, multiplied from the right; None without one.
        offset: (d,) float32, the mean after that; None without an adapter.
        spoken: what the embeddings of each language have in common after all that; None of a single language.
    """

    mean: FloatArray
    adapter: FloatArray | None = None
    offset: FloatArray | None = None
    spoken: LanguageMeans | None = None

    @classmethod
    def fit(
        cls, embeddings: NDArray[np.floating], adapter: FloatArray | None = None, languages: Languages = ()
    ) -> Projection:
        """The projection of a corpus (n, d), in languages (n,). With fewer than two articles there is nothing to centre
        on."""
        blank = np.zeros(embeddings.shape[1], np.float32)
        if len(embeddings) < 2:
            return cls(blank, adapter, None if adapter is None else blank)
        fitted = cls(_mean(_blocks(embeddings)))
        if adapter is not None:
            fitted = cls(fitted.mean, adapter, _mean(_unit(fitted.apply(b) @ adapter) for b in _blocks(embeddings)))
        if len({*languages} - {None}) < 2:
            return fitted
        return replace(fitted, spoken=LanguageMeans.fit(fitted.apply(embeddings), languages))

    def apply(self, embeddings: NDArray[np.floating], languages: Languages = ()) -> FloatArray:
        """Embeddings (n, d) of articles in languages (n,), none where they do not count, projected and of unit length,
        float32; a zero vector stays zero."""
        unit_vectors = np.empty(embeddings.shape, np.float32)
        for start, raw in enumerate(_blocks(embeddings)):
            projected = _unit(raw - self.mean)
            if self.adapter is not None and self.offset is not None:
                projected = _unit(_unit(projected @ self.adapter) - self.offset)
            projected[~raw.any(axis=-1)] = 0.0
            unit_vectors[start * _BLOCK : (start + 1) * _BLOCK] = projected
        return self.spoken.off(unit_vectors, languages) if self.spoken is not None and languages else unit_vectors

    def save(self, folder: Path) -> None:
        """Writes a folder of .npy arrays."""
        folder.mkdir()
        for name in _ARRAYS:
            if getattr(self, name) is not None:
                np.save(folder / f"{name}.npy", getattr(self, name))
        if self.spoken is not None:
            self.spoken.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Projection:
        """Reads what :meth:`save` wrote."""
        paths = {name: folder / f"{name}.npy" for name in _ARRAYS}
        loaded = {name: np.load(path, allow_pickle=False) for name, path in paths.items() if path.exists()}
        if "mean" not in loaded:
            raise FileNotFoundError(f"{paths['mean']} is missing")
        return cls(**loaded, spoken=LanguageMeans.load(folder))


def _blocks(vectors: NDArray[np.floating]) -> Iterator[FloatArray]:
    """So few at a time that what is computed with them fits a cache."""
    return (to_float32(vectors[start : start + _BLOCK]) for start in range(0, len(vectors), _BLOCK))


def _mean(blocks: Iterator[FloatArray]) -> FloatArray:
    count, total = 0, np.zeros(1)
    for block in blocks:
        count, total = count + len(block), total + block.sum(axis=0, dtype=np.float64)
    return (total / count).astype(np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: FloatArray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-9)
    return unit
