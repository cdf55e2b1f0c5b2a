"""Nearest embeddings with FAISS: the kind of index follows the size of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recommend.arrays import to_float32
from recommend.cpus import available_cores
from recommend.errors import SettingsError, SnapshotError, truncated_repr

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_TRAINING_VECTORS_A_LIST = 64
_TRAINING_ROUNDS = 10  # FAISS would take 25: twice the time, and recall the same to the third decimal
_LEAST_TRAINING = 10_000
_FEW = 1_000
_COMPARED_AT_ONCE = 16
_EXACT_SHARE = 0.02
_EXACT_ROWS = 2_000
_ROUNDING = 5e-4  # more than sums of the same products may differ by


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of FAISS index.

    Attributes:
        name: as settings and manifests write it.
        most: articles up to which ``auto`` chooses it; 0: only by name.
        factory: FAISS factory string; ``{lists}`` stands for the number of inverted lists, ``{quarter}`` for a quarter
            of the dimension.
        lists: inverted lists, as a multiple of the root of the number of vectors; 0 where there are none.
        probes: lists that a search reads.
        shortlist: so many times more than are wanted are looked up by their codes, then compared by the vectors
            themselves, which are not in the index; 0 where the index's own scores will do.
    """

    name: str
    most: float
    factory: str
    lists: float = 0.0
    probes: int = 0
    shortlist: int = 0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("flat", 20_000, "Flat"),
        Kind("ivf-pq", float("inf"), "IVF{lists},PQ{quarter}x4fs", lists=2.0, probes=96, shortlist=2),
        Kind("ivf-sq8", 0, "IVF{lists},SQ8", lists=2.0, probes=96),
        Kind("ivf-rabitq", 0, "IVF{lists},RaBitQfs", lists=2.0, probes=96, shortlist=4),
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
        raise SettingsError(f"indexing.kind {truncated_repr(name)} is unknown: there are auto, {', '.join(KINDS)}")
    return KINDS[name]


def set_threads(count: int) -> None:
    """How many threads FAISS and BLAS use in this process: all cores to build, one to serve (0: all)."""
    threadpool_limits(count or available_cores())


class VectorIndex:
    """An immutable index over n vectors, searched by inner product."""

    def __init__(self, index: faiss.Index, kind: Kind, probes: int, vectors: NDArray[np.floating]) -> None:
        """
        Args:
            index: of FAISS.
            kind: how it was made.
            probes: lists that a search reads.
            vectors: (n, d) what it was made of, float16 or float32.
        """
        self._index = index
        self._kind = kind
        self._probes = probes
        self._vectors = vectors

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: NDArray[np.floating], kind: Kind) -> VectorIndex:
        """Indexes vectors (n, d), float16 or float32; so few that codes cannot be learned from them as they are."""
        count, dimension = vectors.shape
        if kind.shortlist and count < _FEW:
            kind = replace(kind, factory="Flat", probes=0)
        lists = int(max(1, min(kind.lists * np.sqrt(count), count / 39)))
        factory = kind.factory.format(lists=lists, quarter=max(1, dimension // 4))
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
        if count and not index.is_trained:
            faiss.extract_index_ivf(index).cp.niter = _TRAINING_ROUNDS
            step = max(1, count // max(lists * _TRAINING_VECTORS_A_LIST, _LEAST_TRAINING))
            index.train(np.ascontiguousarray(vectors[::step], np.float32))
        return cls(index, kind, min(kind.probes, lists), vectors)._filled()

    def save(self, path: Path) -> None:
        """Writes the index to a file, without the vectors."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, kind: Kind, vectors: NDArray[np.floating]) -> VectorIndex:
        """Opens a file that :meth:`save` wrote, mapped into memory where its kind can be; ``vectors`` are those it was
        made of.

        Raises:
            SnapshotError: when FAISS cannot read it.
        """
        # What a search reads whole, or FAISS copies, as it does codes of a fast scan, is read: a mapping brings it page
        # by page, thirty times as slowly.
        flags = faiss.IO_FLAG_MMAP_IFC if kind.probes and not kind.shortlist else 0
        try:
            index = faiss.read_index(str(path), flags)
        except RuntimeError as problem:
            raise SnapshotError(f"{path} is not a FAISS index: {str(problem).splitlines()[-1]}") from None
        probes = kind.probes if isinstance(faiss.downcast_index(index), faiss.IndexIVF) else 0
        return cls(index, kind, probes, vectors)

    def check(self) -> None:
        """Looks whether it is over its vectors and finds no others.

        Raises:
            ValueError: when it is not.
        """
        if (len(self), self._index.d) != self._vectors.shape:
            raise ValueError(f"the FAISS index is over {(len(self), self._index.d)} != {self._vectors.shape} vectors")
        partitioned: Any = faiss.try_extract_index_ivf(self._index)
        for number in range(0 if partitioned is None else partitioned.nlist):
            if size := partitioned.invlists.list_size(number):
                ids = faiss.rev_swig_ptr(partitioned.invlists.get_ids(number), size)
                if not 0 <= ids.min() <= ids.max() < len(self):
                    raise ValueError(f"the FAISS index holds rows {ids.min()} to {ids.max()}, there are {len(self)}")

    def search(self, query: FloatArray, k: int, allowed: BoolArray | None = None) -> IntArray:
        """Rows of the k nearest to ``query`` (d,), nearest first; fewer when fewer are allowed.

        ``allowed`` (n,) acts inside the search. Where it lets only few rows through, the caller scans those instead:
        see :func:`scans_exactly`.
        """
        return self.search_each(query[None, :], k, allowed)[0]

    def search_each(self, queries: FloatArray, k: int, allowed: BoolArray | None = None) -> list[IntArray]:
        """What :meth:`search` finds for each of ``queries`` (m, d); of hundreds at once in a fraction of the time."""
        wanted = min(k * max(self._kind.shortlist, 1), len(self))
        parameters = self._parameters(self._probes, allowed)
        _, rows = self._index.search(queries.astype(np.float32), wanted, params=parameters)
        candidates: list[IntArray] = [row[row >= 0] for row in rows]
        if not self._kind.shortlist:
            return [row[:k] for row in candidates]
        return [exact_search(self._vectors, query, k, row) for query, row in zip(queries, candidates, strict=True)]

    def search_many(self, queries: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """(m, k) rows of about the k nearest to each of ``queries`` (m, d), in no order, -1 where there are fewer; and
        (m, k) their inner products.

        For whole corpora: reads an eighth of the lists that a single search reads.
        """
        parameters = self._parameters(max(1, self._probes // 8), None)
        wanted, kept = min(k * max(self._kind.shortlist, 1), len(self)), min(k, len(self))
        scores, rows = self._index.search(queries.astype(np.float32), wanted, params=parameters)
        if not self._kind.shortlist:
            return rows, scores
        for start in range(0, len(queries), _COMPARED_AT_ONCE):
            block = slice(start, start + _COMPARED_AT_ONCE)
            scores[block] = np.einsum("md,mcd->mc", queries[block], to_float32(self._vectors[rows[block]]))
        scores[rows < 0] = -np.inf
        best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)

    def refilled(self, vectors: NDArray[np.floating]) -> VectorIndex:
        """An index of the same kind and partition over other vectors (n, d) of much the same distribution."""
        index = faiss.clone_index(self._index)
        index.reset()
        return VectorIndex(index, self._kind, self._probes, vectors)._filled()

    def _filled(self) -> VectorIndex:
        for start in range(0, len(self._vectors), 65_536):
            self._index.add(np.ascontiguousarray(self._vectors[start : start + 65_536], np.float32))
        return self

    def _parameters(self, probes: int, allowed: BoolArray | None) -> faiss.SearchParameters | None:
        chosen: dict[str, object] = {}
        if allowed is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        if self._probes:
            return faiss.SearchParametersIVF(nprobe=probes, **chosen)
        return faiss.SearchParameters(**chosen) if chosen else None


def scans_exactly(allowed: BoolArray | None) -> bool:
    """Whether so few rows are allowed that scanning just those is both exact and no slower than the index."""
    if allowed is None:
        return False
    count = int(np.count_nonzero(allowed))
    return count <= max(_EXACT_ROWS, _EXACT_SHARE * len(allowed))


def exact_search(vectors: NDArray[np.floating], query: FloatArray, k: int, rows: IntArray) -> IntArray:
    """Those k of ``rows`` whose vectors have the greatest inner product with ``query``, greatest first, ties by row."""
    scores = to_float32(vectors[rows]) @ query
    return rows[np.lexsort((rows, -scores))[:k]]


def nearest_within(
    vectors: FloatArray, queries: FloatArray, k: int, rows: IntArray, spans: Sequence[slice]
) -> list[IntArray]:
    """For each of ``queries`` (m, d) those k, in no order, that have the greatest inner product with it among a span of
    ``rows`` (n,), ties by row; ``vectors`` (n, d) are theirs, all of unit length.

    All are compared at once, and what lies about the k-th once more, by sums that no other query has a part in.
    """
    found = []
    for query, span, roughly in zip(queries, spans, queries @ vectors.T, strict=True):
        some, scores = np.arange(len(rows))[span], roughly[span]
        if len(some) > k:
            reach = np.partition(scores, -k)[-k]
            certain, close = some[scores > reach + _ROUNDING], some[abs(scores - reach) <= _ROUNDING]
            exact = np.einsum("nd,d->n", vectors[close], query)
            some = np.concatenate([certain, close[np.lexsort((rows[close], -exact))][: k - len(certain)]])
        found.append(rows[some])
    return found
