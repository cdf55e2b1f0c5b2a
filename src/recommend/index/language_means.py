"""What the embeddings of a language have in common: that they are in it, which tells of no story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from recommend.articles.languages import primary_language

FloatArray = NDArray[np.float32]
Languages = Sequence[str | None]

_SHARE = np.float32(0.5)
_FEW_ARTICLES = 8
_NAMES, _ARRAY = "languages.json", "languages.npy"


@dataclass(frozen=True, slots=True)
class LanguageMeans:
    """The mean embeddings of each of the languages of a corpus.

    Attributes:
        names: (l,) primary parts of BCP 47 tags, ascending.
        means: (l, d) float32, shrunk towards nothing as if eight further articles lay where all do in the mean.
    """

    names: tuple[str, ...]
    means: FloatArray

    @classmethod
    def fit(cls, embeddings: FloatArray, languages: Languages) -> LanguageMeans | None:
        """Those of articles with embeddings (n, d), centred, and languages (n,), None where one is unknown; None where
        all that are known are the same."""
        codes, names = _codes(languages)
        if len(names) < 2:
            return None
        sums = np.stack([embeddings[codes == code].sum(axis=0, dtype=np.float64) for code in range(len(names))])
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        return cls(names, (sums / (counts + _FEW_ARTICLES)[:, None]).astype(np.float32))

    def off(self, embeddings: FloatArray, languages: Languages) -> FloatArray:
        """Embeddings (n, d) of articles with languages (n,) less half the mean of theirs, of unit length again; a zero
        vector stays zero, and so does one of another language, or of an unknown one, what it is."""
        place = {name: i for i, name in enumerate(self.names)}
        own = np.array([place.get(primary_language(language or ""), -1) for language in languages], np.int64)
        some = np.flatnonzero((own >= 0) & embeddings.any(axis=1))
        apart = embeddings.copy()
        apart[some] -= _SHARE * self.means[own[some]]
        apart[some] /= np.maximum(np.linalg.norm(apart[some], axis=1, keepdims=True), 1e-9)
        return apart

    def save(self, folder: Path) -> None:
        """Writes two files into a folder."""
        (folder / _NAMES).write_bytes(orjson.dumps(self.names))
        np.save(folder / _ARRAY, self.means)

    @classmethod
    def load(cls, folder: Path) -> LanguageMeans | None:
        """Reads what :meth:`save` wrote; None where there is nothing."""
        if not (folder / _NAMES).exists():
            return None
        return cls(tuple(orjson.loads((folder / _NAMES).read_bytes())), np.load(folder / _ARRAY, allow_pickle=False))


def _codes(languages: Languages) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(n,) the place of each article's language among the names, −1 where it is unknown; and the names."""
    primary = [primary_language(language or "") for language in languages]
    names = sorted({*primary} - {""})
    place = {name: i for i, name in enumerate(names)}
    return np.array([place.get(name, -1) for name in primary], np.int64), tuple(names)
