"""From an encoder's embeddings to the space in which articles are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Projection:
    """Centres embeddings on the mean of the corpus: what all articles share says nothing about any of them.

    Attributes:
        mean: (d,) float32, the mean embedding of the snapshot's articles.
    """

    mean: FloatArray

    @classmethod
    def fit(cls, embeddings: NDArray[np.floating]) -> Projection:
        """The projection of a corpus (n, d). With fewer than two articles there is nothing to centre on."""
        if len(embeddings) < 2:
            return cls(np.zeros(embeddings.shape[1], np.float32))
        return cls(embeddings.mean(axis=0, dtype=np.float64).astype(np.float32))

    def apply(self, embeddings: NDArray[np.floating]) -> FloatArray:
        """Embeddings (n, d) centred and scaled to unit length, float32; a zero vector stays zero."""
        raw = np.asarray(embeddings, np.float32)
        centred = raw - self.mean
        centred[~raw.any(axis=-1)] = 0.0
        norms = np.linalg.norm(centred, axis=-1, keepdims=True)
        projected: FloatArray = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-9)
        return projected

    def save(self, folder: Path) -> None:
        """Writes a folder of .npy arrays."""
        folder.mkdir()
        np.save(folder / "mean.npy", self.mean)

    @classmethod
    def load(cls, folder: Path) -> Projection:
        """Reads what :meth:`save` wrote."""
        return cls(np.load(folder / "mean.npy", allow_pickle=False))
