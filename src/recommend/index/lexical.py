"""TF-IDF with a sense of topic: kept as plain arrays, searched through postings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from recommend.arrays import load_mmap
from recommend.index.lexicon import Lexicon, Terms, TermVector
from recommend.index.term_counts import TermCounts

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

POSTINGS_A_SEARCH = 100_000
"""Entries that one search reads at most, where the first term has no more."""
_TOGETHER = 8  # queries whose articles still fit a cache
_PAIRS_A_BLOCK = 50_000


class TermMatrix:
    """TF-IDF vectors of n articles, by article and by term."""

    def __init__(
        self,
        rows: sparse.csr_array,
        postings: sparse.csr_array | None = None,
        *,
        corpus: tuple[IntArray, int] | None = None,
    ) -> None:
        """
        Args:
            rows: (n, v) float32, rows of unit length, column indices ascending.
            postings: the same transposed, (v, n); computed when not given.
            corpus: where these are some of a corpus, how many articles of that have each term (v,), and how many
                there are.
        """
        self.rows = rows
        self.corpus = corpus
        if postings is not None:
            self.postings = postings

    @cached_property
    def postings(self) -> sparse.csr_array:
        """(v, n), the rows transposed."""
        return self.rows.T.tocsr()

    def frequencies(self, columns: IntArray) -> IntArray:
        """How many articles of the corpus have each of some terms."""
        if self.corpus is not None:
            return self.corpus[0][columns]
        return np.asarray(self.postings.indptr[columns + 1] - self.postings.indptr[columns])

    @property
    def articles(self) -> int:
        """How many articles the corpus has."""
        return int(self.rows.shape[0]) if self.corpus is None else self.corpus[1]

    def word_counts(self, rows: IntArray) -> IntArray:
        """(m,) how many different terms of words the articles at ``rows`` (m,) have."""
        starts, ends = self.rows.indptr[rows], self.rows.indptr[rows + 1]
        counts = np.asarray(ends - starts, np.int64)
        some = np.flatnonzero(counts)
        some = some[np.signbit(self.rows.data[starts[some]])]  # what stands beside words comes first
        if len(some):
            articles = self.rows[rows[some]]
            counts[some] -= np.add.reduceat(np.signbit(articles.data).astype(np.int64), articles.indptr[:-1])
        return counts

    def vector(self, row: int) -> TermVector:
        """The vector of an article."""
        span = slice(self.rows.indptr[row], self.rows.indptr[row + 1])
        return TermVector(self.rows.indices[span].astype(np.int64), np.asarray(self.rows.data[span]))

    def scores(self, rows: IntArray, *queries: Terms) -> FloatArray:
        """Cosines (len(queries), len(rows)) float32 of queries with the articles at ``rows``."""
        return self.scores_each([rows], *([query] for query in queries))

    def scores_each(self, rows: Sequence[IntArray], *queries: Sequence[Terms]) -> FloatArray:
        """Cosines (len(queries), n) float32: those of one query of each kind with some articles, then those of the next
        with others; n articles in all."""
        scores = np.empty((len(queries), sum(map(len, rows))), np.float32)
        width, start = self.rows.shape[1], 0
        weights = np.zeros(min(len(rows), _TOGETHER) * width, np.float32)
        for first in range(0, len(rows), _TOGETHER):
            some = rows[first : first + _TOGETHER]
            articles, sizes = self.rows[np.concatenate(some)], [*map(len, some)]
            span = slice(start, start + articles.shape[0])
            entries = np.diff(articles.indptr[np.cumsum([0, *sizes])])
            if len(some) > 1:  # each query's articles have columns of their own, so that one product does for all
                places = articles.indices + np.repeat(
                    np.arange(len(some), dtype=articles.indices.dtype) * width, entries
                )
                shape = articles.shape[0], len(weights)
                articles = sparse.csr_array((articles.data, places, articles.indptr), shape=shape, copy=False)
            for cosines, alike in zip(scores, queries, strict=True):
                columns = [query.terms + n * width for n, query in enumerate(alike[first : first + _TOGETHER])]
                there = np.concatenate(columns)
                weights[there] = np.concatenate([query.weights for query in alike[first : first + _TOGETHER]])
                cosines[span] = articles @ weights[: articles.shape[1]]
                weights[there] = 0.0
            start = span.stop
        return scores

    def short_scores_each(self, rows: Sequence[IntArray], queries: Sequence[TermVector]) -> FloatArray:
        """Cosines (n,) as :meth:`scores_each`, sooner where articles have a few terms each, as of titles and labels."""
        some = self.rows[np.concatenate(rows)]
        ends = some.indptr[np.cumsum([0, *map(len, rows)])].tolist()
        weights, parts = np.zeros(self.rows.shape[1], np.float32), np.zeros(some.nnz + 1, np.float32)
        for query, (start, stop) in zip(queries, pairwise(ends), strict=True):
            weights[query.terms] = query.weights
            np.multiply(weights[some.indices[start:stop]], some.data[start:stop], out=parts[start:stop])
            weights[query.terms] = 0.0
        return _row_sums(parts, some.indptr)

    def block(self, rows: IntArray, others: IntArray) -> FloatArray:
        """Cosines (m, c) float32 of the articles at ``rows`` (m,) with c others each, ``others`` (m, c)."""
        left, right = self.rows[rows], self.rows[others.ravel()]
        present = np.unique(left.indices)
        width = len(present) + 1  # one more for the terms that none of the first has
        place = np.zeros(self.rows.shape[1], np.int32)
        place[present] = np.arange(1, width, dtype=np.int32)
        dense = np.zeros((len(rows), width), np.float32)
        dense[np.repeat(np.arange(len(rows)), np.diff(left.indptr)), place[left.indices]] = left.data
        lengths = np.diff(right.indptr)
        own = np.repeat(np.arange(len(rows), dtype=np.int32) * width, lengths.reshape(others.shape).sum(axis=1))
        parts = np.zeros(right.nnz + 1, np.float32)
        np.multiply(dense.ravel()[own + place[right.indices]], right.data, out=parts[:-1])
        return _row_sums(parts, right.indptr).reshape(others.shape)

    def pairs(self, left: IntArray, right: IntArray) -> FloatArray:
        """Cosines (m,) float32 of the articles at ``left`` with those at ``right``, pair by pair."""
        cosines = np.empty(len(left), np.float32)
        for start in range(0, len(left), _PAIRS_A_BLOCK):
            block = slice(start, start + _PAIRS_A_BLOCK)
            cosines[block] = self.rows[left[block]].multiply(self.rows[right[block]]).sum(axis=1)
        return cosines

    def search(self, query: TermVector, k: int, most_terms: int, allowed: BoolArray | None = None) -> IntArray:
        """Rows of about the k best matches by the query's strongest terms, unordered.

        Only the ``most_terms`` strongest terms fetch candidates, and of those only as many as keep the postings read
        within bounds; at least one. ``allowed`` (n,) leaves rows out.
        """
        strongest = np.argsort(-query.weights, kind="stable")[:most_terms]
        columns = query.terms[strongest]
        if not len(columns):
            return np.zeros(0, np.int64)
        read = np.cumsum(self.postings.indptr[columns + 1] - self.postings.indptr[columns])
        within = max(1, int(np.searchsorted(read, POSTINGS_A_SEARCH, side="right")))
        scores = _gathered(self.postings, columns[:within]) @ query.weights[strongest[:within]]
        if allowed is not None:
            scores *= allowed
        most = columns[np.argmax(np.diff(read[:within], prepend=0))]
        some = scores[self.postings.indices[self.postings.indptr[most] : self.postings.indptr[most + 1]]]
        matched = np.flatnonzero(scores >= _kth_greatest(some, k))  # these alone tell what the k best have at least
        if len(matched) > k:
            matched = matched[np.argpartition(-scores[matched], k - 1)[:k]]
        return matched.astype(np.int64)


def _gathered(postings: sparse.csr_array, columns: IntArray) -> sparse.csc_array:
    """The postings of some terms as columns (n, t), sooner than by indexing."""
    spans = [slice(*postings.indptr[column : column + 2].tolist()) for column in columns.tolist()]
    indptr = np.cumsum([0, *(span.stop - span.start for span in spans)])
    indices, data = (np.concatenate([part[span] for span in spans]) for part in (postings.indices, postings.data))
    return sparse.csc_array((data, indices, indptr), shape=(postings.shape[1], len(spans)), copy=False)


def _row_sums(parts: FloatArray, indptr: NDArray[np.integer]) -> FloatArray:
    """Sums (n,) of the parts of each row, which are followed by one more number."""
    sums = np.add.reduceat(parts, indptr[:-1])
    sums[indptr[1:] == indptr[:-1]] = 0
    return sums


def _kth_greatest(scores: FloatArray, k: int) -> np.float32:
    """The k-th greatest of scores, none of them negative; the least above 0 where there are fewer above."""
    least = np.finfo(np.float32).smallest_subnormal
    return max(least, np.partition(scores, -k)[-k]) if len(scores) > k else least


def stack(vectors: Sequence[TermVector], width: int) -> TermMatrix:
    """Vectors of single texts as a matrix (n, width)."""
    indptr = np.concatenate([[0], np.cumsum([len(vector.terms) for vector in vectors])]).astype(np.int64)
    columns = np.concatenate([vector.terms for vector in vectors] or [np.zeros(0, np.int64)])
    weights = np.concatenate([vector.weights for vector in vectors] or [np.zeros(0, np.float32)])
    return TermMatrix(sparse.csr_array((weights, columns, indptr), shape=(len(vectors), width)))


def dense_rows(vectors: Sequence[TermVector]) -> tuple[IntArray, FloatArray]:
    """The p columns that the vectors of a few texts have, ascending, and their weights (n, p) float32."""
    columns = np.concatenate([vector.terms for vector in vectors] or [np.zeros(0, np.int64)])
    present, place = np.unique(columns, return_inverse=True)
    dense = np.zeros((len(vectors), len(present)), np.float32)
    dense[np.repeat(np.arange(len(vectors)), [len(vector.terms) for vector in vectors]), place] = np.concatenate(
        [vector.weights for vector in vectors] or [np.zeros(0, np.float32)]
    )
    return present, dense


_ARRAYS = ("indptr", "indices", "data")


def save(lexicon: Lexicon, matrix: TermMatrix, counts: TermCounts, folder: Path) -> None:
    """Writes a folder of .npy arrays and an Arrow file with the vocabulary.

    Args:
        lexicon, matrix: as :func:`~recommend.index.term_weights.fit` makes them of ``counts``.
        folder: where to; it must not be there yet.
    """
    folder.mkdir()
    table = pa.table({"term": lexicon.vocabulary})
    with pa.OSFile(str(folder / "vocabulary.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    np.save(folder / "weights.npy", lexicon.weights)
    (folder / "stop_words.txt").write_text("\n".join(sorted(lexicon.stop_words)), encoding="utf-8")
    for name, part in (("rows", matrix.rows), ("postings", matrix.postings)):
        for array in _ARRAYS:
            np.save(folder / f"{name}.{array}.npy", getattr(part, array))
    numbers = counts.rows.data
    np.save(folder / "rows.counts.npy", numbers.astype(np.min_scalar_type(numbers.max(initial=0))))


def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon of what :func:`save` wrote, mapped into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(folder / "vocabulary.arrow"))).read_all()
    chunks = table.column("term").chunks
    stop_words = frozenset((folder / "stop_words.txt").read_text(encoding="utf-8").split())
    weights = load_mmap(folder / "weights.npy")
    return Lexicon(chunks[0] if chunks else pa.array([], pa.string()), weights, stop_words)


def load(folder: Path) -> tuple[Lexicon, TermMatrix]:
    """Opens what :func:`save` wrote, mapped into memory."""
    lexicon, parts = load_lexicon(folder), {}
    for name in ("rows", "postings"):
        indptr, indices, data = (load_mmap(folder / f"{name}.{array}.npy") for array in _ARRAYS)
        count = len(indptr) - 1
        parts[name] = (data, indices, indptr), count
    (rows, n), (postings, v) = parts["rows"], parts["postings"]
    return lexicon, TermMatrix(
        sparse.csr_array(rows, shape=(n, v), copy=False), sparse.csr_array(postings, shape=(v, n), copy=False)
    )


def load_counts(folder: Path) -> TermCounts:
    """The counts among what :func:`save` wrote."""
    lexicon, matrix = load(folder)
    numbers = load_mmap(folder / "rows.counts.npy").astype(np.int32)
    rows = sparse.csr_array((numbers, matrix.rows.indices, matrix.rows.indptr), shape=matrix.rows.shape)
    return TermCounts(lexicon.vocabulary.to_pylist(), rows, lexicon.stop_words)
