"""TF-IDF with a sense of topic: kept as plain arrays, searched through postings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from recommend.arrays import load_mmap
from recommend.articles.languages import primary_language
from recommend.articles.text import terms
from recommend.index.term_counts import TermCounts

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

POSTINGS_A_SEARCH = 100_000
"""Entries that one search reads at most, where the first term has no more."""
_LEAST_COHERENCE = 0.1
_FEW_ARTICLES = 8
_TERMS_A_BLOCK = 20_000
_PAIRS_A_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class TermVector:
    """The weighted terms of one text: ``terms`` (t,) int64 ascending columns, ``weights`` (t,) float32, unit length."""

    terms: IntArray
    weights: FloatArray


class Terms(Protocol):
    """What :class:`TermVector` has, perhaps made when it is first asked for."""

    @property
    def terms(self) -> IntArray:
        """(t,) int64 ascending columns."""

    @property
    def weights(self) -> FloatArray:
        """(t,) float32."""


class Lexicon:
    """The vocabulary of a corpus and the weight of each term.

    Attributes:
        vocabulary: (v,) terms in ascending order.
        weights: (v,) float32, see :func:`fit`.
        stop_words: words that give no terms.
    """

    def __init__(self, vocabulary: pa.StringArray, weights: FloatArray, stop_words: frozenset[str]) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        self.stop_words = stop_words

    def __len__(self) -> int:
        return len(self.weights)

    def terms(self, columns: IntArray) -> list[str]:
        """The terms of some columns."""
        return [str(self.vocabulary[column]) for column in columns.tolist()]

    def columns(self, wanted: Sequence[str]) -> IntArray:
        """(n,) the columns of some terms, -1 for those that the corpus does not have."""
        encoded = np.array([_bytes(term) for term in wanted], np.bytes_)
        places = np.searchsorted(self._ordered, encoded)
        return np.where(np.searchsorted(self._ordered, encoded, side="right") > places, places, -1)

    @cached_property
    def numeric(self) -> BoolArray:
        """(v,) which terms hold digits."""
        digits = pc.match_substring_regex(self.vocabulary, r"\p{Nd}")
        return np.asarray(np.from_dlpack(digits.cast(pa.int8()))).view(np.bool_)

    @cached_property
    def _ordered(self) -> NDArray[np.bytes_]:
        """(v,) the vocabulary in UTF-8, whose bytes are in the order of its characters."""
        return np.array([_bytes(term) for term in self.vocabulary.to_pylist()], np.bytes_)

    def weigh(self, text: str, language: str | None = None) -> TermVector:
        """The vector that fitting would give the text; terms that the corpus does not have are left out."""
        counts = sorted(Counter(terms(text, self.stop_words, language and primary_language(language))).items())
        places = self.columns([term for term, _ in counts])
        known = places >= 0
        columns = places[known]
        frequencies = np.array([count for _, count in counts], np.float32)[known]
        weights = np.sqrt(frequencies) * self.weights[columns]
        norm = float(np.linalg.norm(weights))
        return TermVector(columns, (weights / norm if norm else weights).astype(np.float32))


def _bytes(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")


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

    def vector(self, row: int) -> TermVector:
        """The vector of an article."""
        span = slice(self.rows.indptr[row], self.rows.indptr[row + 1])
        return TermVector(self.rows.indices[span].astype(np.int64), np.asarray(self.rows.data[span]))

    def scores(self, rows: IntArray, *queries: Terms) -> FloatArray:
        """Cosines (len(queries), len(rows)) float32 of queries with the articles at ``rows``."""
        some, scores = self.rows[rows], np.empty((len(queries), len(rows)), np.float32)
        for cosines, query in zip(scores, queries, strict=True):
            weights = np.zeros(self.rows.shape[1], np.float32)
            weights[query.terms] = query.weights
            cosines[:] = some @ weights
        return scores

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
        sums = np.add.reduceat(parts, right.indptr[:-1])
        sums[lengths == 0] = 0
        return sums.reshape(others.shape)

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
        scores = self.postings[columns[:within]].T @ query.weights[strongest[:within]]
        if allowed is not None:
            scores *= allowed
        most = columns[np.argmax(np.diff(read[:within], prepend=0))]
        some = scores[self.postings.indices[self.postings.indptr[most] : self.postings.indptr[most + 1]]]
        matched = np.flatnonzero(scores >= _kth_greatest(some, k))  # these alone tell what the k best have at least
        if len(matched) > k:
            matched = matched[np.argpartition(-scores[matched], k - 1)[:k]]
        return matched.astype(np.int64)


def _kth_greatest(scores: FloatArray, k: int) -> np.float32:
    """The k-th greatest of scores, none of them negative; the least above 0 where there are fewer above."""
    least = np.finfo(np.float32).smallest_subnormal
    return max(least, np.partition(scores, -k)[-k]) if len(scores) > k else least


def fit(
    counts: TermCounts, embeddings: NDArray[np.floating], languages: Sequence[str | None] | None = None
) -> tuple[Lexicon, TermMatrix]:
    """The lexicon of a corpus and the vectors of its articles.

    An article's weight for a term is √tf · idf · √(coherence + 0.1), normalised: a term counts as far as it is rare,
    and as far as the articles that have it are about the same thing. Rare means rare in every language: what all the
    Spanish articles have in common says nothing of any, be they ever so few.

    Args:
        counts: of n articles.
        embeddings: (n, d) of unit length, centred; what coherence is measured with.
        languages: (n,) of the articles; None for one that is unknown, or where all are the same.
    """
    rows = counts.rows
    idf = 1 - np.log(shares(rows, languages or [None] * len(counts)))
    weights = (idf * np.sqrt(coherence(rows, embeddings) + _LEAST_COHERENCE)).astype(np.float32)
    weighed = np.sqrt(rows.data.astype(np.float32)) * weights[rows.indices]
    vectors = sparse.csr_array((weighed, rows.indices, rows.indptr), shape=rows.shape)
    lengths = np.sqrt(vectors.multiply(vectors).sum(axis=1))
    vectors.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(rows.indptr)).astype(np.float32)
    return Lexicon(pa.array(counts.vocabulary, pa.string()), weights, counts.stop_words), TermMatrix(vectors)


def shares(counts: sparse.csr_array, languages: Sequence[str | None]) -> NDArray[np.float64]:
    """How common terms are: (v,) of 0…1, the share of all articles that have a term, or of those in one language where
    that is more.

    The share within a language is shrunk towards the share in general as if _FEW_ARTICLES further articles had that.

    Args:
        counts: (n, v), not zero where an article has a term.
        languages: (n,) of the articles.
    """
    rows, width = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)), counts.shape[1]
    general = (1 + np.bincount(counts.indices, minlength=width)) / (1 + counts.shape[0])
    share = general
    names, codes = np.unique([language or "" for language in languages], return_inverse=True)
    for code in range(len(names)) if len(names) > 1 else ():
        within = np.bincount(counts.indices[codes[rows] == code], minlength=width) + _FEW_ARTICLES * general
        share = np.maximum(share, within / (np.count_nonzero(codes == code) + _FEW_ARTICLES))
    return np.asarray(share)


def coherence(counts: sparse.csr_array, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    """How alike the articles are that share a term: (v,) of 0…1.

    The mean cosine over pairs of articles that have the term, shrunk towards 0 where they are few, never negative.

    Args:
        counts: (n, v), not zero where an article has a term.
        embeddings: (n, d) of unit length, centred.
    """
    postings = counts.T.tocsr()
    frequencies = np.diff(postings.indptr)
    mean_cosines = np.zeros(len(frequencies))
    for start in range(0, len(frequencies), _TERMS_A_BLOCK):
        block = postings[start : start + _TERMS_A_BLOCK]
        present = sparse.csr_array((np.ones(block.nnz, np.float32), block.indices, block.indptr), shape=block.shape)
        sums = present @ embeddings.astype(np.float32, copy=False)
        df = frequencies[start : start + _TERMS_A_BLOCK]
        pairs = np.maximum(df * (df - 1.0), 1.0)
        mean_cosines[start : start + _TERMS_A_BLOCK] = ((sums.astype(np.float64) ** 2).sum(axis=1) - df) / pairs
    mean_cosines[frequencies < 2] = 0.0
    shrunk: NDArray[np.float64] = np.maximum(mean_cosines, 0.0) * frequencies / (frequencies + _FEW_ARTICLES)
    return shrunk


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
        lexicon, matrix: as :func:`fit` makes them of ``counts``.
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
