"""Nearest embeddings with FAISS: the kind of index follows the size of the corpus."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from recommend.arrays import widened
from recommend.errors import SettingsError, SnapshotError, shown

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_TRAINING_VECTORS_A_LIST = 64
_EXACT_SHARE = 0.02
_EXACT_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of FAISS index.

    Attributes:
        name: as settings and manifests write it.
        most: articles up to which ``auto`` chooses it.
        factory: FAISS factory string; ``{lists}`` stands for the number of inverted lists.
        lists: inverted lists, as a multiple of the root of the number of vectors; 0 where there are none.
        probes: lists that a search reads.
    """

    name: str
    most: float
    factory: str
    lists: float = 0.0
    probes: int = 0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("flat", 20_000, "Flat"),
        Kind("ivf-sq8", 500_000, "IVF{lists},SQ8", lists=2.0, probes=96),
        Kind("ivf-rabitq", float("inf"), "IVF{lists},RaBitQfs,Refine(SQfp16)", lists=4.0, probes=64),
    )
}


def choose_kind(name: str, count: int) -> Kind:
    """The kind of this name, or for ``auto`` the first that suits ``count`` articles.

    Raises:
        SettingsError: for an unknown name.
    """
    if name == "auto":
        return next(kind for kind in KINDS.values() if count <= kind.most)
    if name not in KINDS:
        raise SettingsError(f"indexing.kind {shown(name)} is unknown: there are auto, {', '.join(KINDS)}")
    return KINDS[name]


def set_threads(count: int) -> None:
    """How many threads FAISS uses in this process: all cores to build, one to serve (0: all)."""
    faiss.omp_set_num_threads(count or os.cpu_count() or 1)


class VectorIndex:
    """An immutable index over n vectors, searched by inner product."""

    def __init__(self, index: faiss.Index, probes: int) -> None:
        self._index = index
        self._probes = probes

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: NDArray[np.floating], kind: Kind) -> VectorIndex:
        """Indexes vectors (n, d), float16 or float32."""
        count, dimension = vectors.shape
        lists = int(max(1, min(kind.lists * np.sqrt(count), count / 39)))
        index = faiss.index_factory(dimension, kind.factory.format(lists=lists), faiss.METRIC_INNER_PRODUCT)
        if count and not index.is_trained:
            step = max(1, count // (lists * _TRAINING_VECTORS_A_LIST))
            index.train(np.ascontiguousarray(vectors[::step], np.float32))
        return cls(index, min(kind.probes, lists))._filled(vectors)

    def save(self, path: Path) -> None:
        """Writes the index to a file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, kind: Kind) -> VectorIndex:
        """Opens a file that :meth:`save` wrote, mapped into memory.

        Raises:
            SnapshotError: when FAISS cannot read it.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as problem:
            raise SnapshotError(f"{path} is not a FAISS index: {str(problem).splitlines()[-1]}") from None
        return cls(index, kind.probes)

    def search(self, query: FloatArray, k: int, allowed: BoolArray | None = None) -> IntArray:
        """Rows of the k nearest to ``query`` (d,), nearest first; fewer when fewer are allowed.

        ``allowed`` (n,) acts inside the search. Where it lets only few rows through, the caller scans those instead:
        see :func:`scans_exactly`.
        """
        parameters = self._parameters(allowed)
        _, rows = self._index.search(query[None, :].astype(np.float32), min(k, len(self)), params=parameters)
        found: IntArray = rows[0][rows[0] >= 0]
        return found

    def search_many(self, queries: FloatArray, k: int) -> IntArray:
        """(m, k) rows of about the k nearest to each of ``queries`` (m, d), nearest first, -1 where there are fewer.

        For whole corpora: reads an eighth of the lists that a single search reads.
        """
        quick = VectorIndex(self._index, max(1, self._probes // 8) if self._probes else 0)
        _, rows = self._index.search(queries.astype(np.float32), min(k, len(self)), params=quick._parameters(None))
        found: IntArray = rows
        return found

    def refilled(self, vectors: NDArray[np.floating]) -> VectorIndex:
        """An index of the same kind and partition over other vectors (n, d) of much the same distribution."""
        index = faiss.clone_index(self._index)
        index.reset()
        return VectorIndex(index, self._probes)._filled(vectors)

    def _filled(self, vectors: NDArray[np.floating]) -> VectorIndex:
        for start in range(0, len(vectors), 65_536):
            self._index.add(np.ascontiguousarray(vectors[start : start + 65_536], np.float32))
        return self

    def _parameters(self, allowed: BoolArray | None) -> faiss.SearchParameters | None:
        chosen: dict[str, object] = {}
        if allowed is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        if self._probes:
            ivf = faiss.SearchParametersIVF(nprobe=self._probes, **chosen)
            if isinstance(faiss.downcast_index(self._index), faiss.IndexRefine):
                return faiss.IndexRefineSearchParameters(k_factor=4.0, base_index_params=ivf)
            return ivf
        return faiss.SearchParameters(**chosen) if chosen else None


def scans_exactly(allowed: BoolArray | None) -> bool:
    """Whether so few rows are allowed that scanning just those is both exact and no slower than the index."""
    if allowed is None:
        return False
    count = int(np.count_nonzero(allowed))
    return count <= max(_EXACT_ROWS, _EXACT_SHARE * len(allowed))


def exact_search(vectors: NDArray[np.floating], query: FloatArray, k: int, rows: IntArray) -> IntArray:
    """Those k of ``rows`` whose vectors have the greatest inner product with ``query``, greatest first, ties by row."""
    scores = widened(vectors[rows]) @ query
    return rows[np.lexsort((rows, -scores))[:k]]
