"""TF-IDF: weights fitted by scikit-learn, kept as plain arrays, searched through postings."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from recommend.text import terms

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_POSTINGS_A_SEARCH = 100_000


@dataclass(frozen=True, slots=True)
class TermVector:
    """The weighted terms of one text: ``terms`` (t,) int64 ascending columns, ``weights`` (t,) float32, unit length."""

    terms: IntArray
    weights: FloatArray


class Lexicon:
    """The vocabulary of a corpus and the weight of each term.

    Attributes:
        vocabulary: (v,) terms in ascending order.
        idf: (v,) float32 inverse document frequencies, smoothed as scikit-learn does.
    """

    def __init__(self, vocabulary: pa.StringArray, idf: FloatArray) -> None:
        self.vocabulary = vocabulary
        self.idf = idf

    def __len__(self) -> int:
        return len(self.idf)

    def term(self, column: int) -> str:
        """The term of a column."""
        return str(self.vocabulary[column])

    def column(self, term: str) -> int | None:
        """The column of a term, None when the corpus does not have it."""
        found = bisect_left(range(len(self)), term, key=self.term)
        return found if found < len(self) and self.term(found) == term else None

    def weigh(self, text: str) -> TermVector:
        """The weights that fitting would give the text: (1 + ln tf) · idf, normalised. Unknown terms are left out."""
        counts = {self.column(term): count for term, count in Counter(terms(text)).items()}
        counts.pop(None, None)
        columns = np.array(sorted(column for column in counts if column is not None), np.int64)
        frequencies = np.array([counts[int(column)] for column in columns], np.float32)
        weights = (1.0 + np.log(frequencies)) * self.idf[columns] if len(columns) else frequencies
        norm = float(np.linalg.norm(weights))
        return TermVector(columns, (weights / norm if norm else weights).astype(np.float32))


class TermMatrix:
    """TF-IDF vectors of n articles, by article and by term."""

    def __init__(self, rows: sparse.csr_array, postings: sparse.csr_array | None = None) -> None:
        """
        Args:
            rows: (n, v) float32, rows of unit length, column indices ascending.
            postings: the same transposed, (v, n); computed when not given.
        """
        self.rows = rows
        self.postings = rows.T.tocsr() if postings is None else postings

    def vector(self, row: int) -> TermVector:
        """The vector of an article."""
        span = slice(self.rows.indptr[row], self.rows.indptr[row + 1])
        return TermVector(self.rows.indices[span].astype(np.int64), np.asarray(self.rows.data[span]))

    def scores(self, query: TermVector, rows: IntArray) -> FloatArray:
        """Cosines (len(rows),) float32 of the query with the articles at ``rows``."""
        dense = np.zeros(self.rows.shape[1], np.float32)
        dense[query.terms] = query.weights
        return np.asarray(self.rows[rows] @ dense, np.float32)

    def search(self, query: TermVector, k: int, most_terms: int, allowed: BoolArray | None = None) -> IntArray:
        """Rows of about the k best matches by the query's strongest terms, unordered.

        Only the ``most_terms`` strongest terms fetch candidates, and of those only as many as keep the postings read
        within bounds; at least one. ``allowed`` (n,) leaves rows out.
        """
        strongest = query.terms[np.argsort(-query.weights, kind="stable")[:most_terms]]
        weights = dict(zip(query.terms.tolist(), query.weights.tolist(), strict=True))
        scores = np.zeros(self.rows.shape[0], np.float32)
        read = 0
        for term in strongest.tolist():
            span = slice(self.postings.indptr[term], self.postings.indptr[term + 1])
            read += span.stop - span.start
            if read > _POSTINGS_A_SEARCH and span.stop - span.start < read:
                break
            scores[self.postings.indices[span]] += weights[term] * self.postings.data[span]
        if allowed is not None:
            scores *= allowed
        matched = np.flatnonzero(scores)
        if len(matched) > k:
            matched = matched[np.argpartition(-scores[matched], k - 1)[:k]]
        return matched.astype(np.int64)


def fit(texts: Iterable[str]) -> tuple[Lexicon, TermMatrix]:
    """The lexicon of a corpus and the vectors of its texts, English stop words left out.

    Unigrams with sublinear term frequency; an empty corpus, or one without a single term, gives an empty lexicon.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer=lambda text: [term for term in terms(text) if term not in ENGLISH_STOP_WORDS],
        sublinear_tf=True,
        dtype=np.float32,
    )
    documents = list(texts)
    if not any(vectorizer.build_analyzer()(text) for text in documents):
        empty = sparse.csr_array((len(documents), 0), dtype=np.float32)
        return Lexicon(pa.array([], pa.string()), np.zeros(0, np.float32)), TermMatrix(empty)
    rows = sparse.csr_array(vectorizer.fit_transform(documents))
    rows.sort_indices()
    vocabulary = pa.array(vectorizer.get_feature_names_out().tolist(), pa.string())
    return Lexicon(vocabulary, vectorizer.idf_.astype(np.float32)), TermMatrix(rows)


def stack(vectors: Sequence[TermVector], width: int) -> TermMatrix:
    """Vectors of single texts as a matrix (n, width)."""
    indptr = np.concatenate([[0], np.cumsum([len(vector.terms) for vector in vectors])]).astype(np.int64)
    columns = np.concatenate([vector.terms for vector in vectors] or [np.zeros(0, np.int64)])
    weights = np.concatenate([vector.weights for vector in vectors] or [np.zeros(0, np.float32)])
    return TermMatrix(sparse.csr_array((weights, columns, indptr), shape=(len(vectors), width)))


_ARRAYS = ("indptr", "indices", "data")


def save(lexicon: Lexicon, matrix: TermMatrix, folder: Path) -> None:
    """Writes a folder of .npy arrays and an Arrow file with the vocabulary."""
    folder.mkdir()
    table = pa.table({"term": lexicon.vocabulary})
    with pa.OSFile(str(folder / "vocabulary.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    np.save(folder / "idf.npy", lexicon.idf)
    for name, part in (("rows", matrix.rows), ("postings", matrix.postings)):
        for array in _ARRAYS:
            np.save(folder / f"{name}.{array}.npy", getattr(part, array))


def load(folder: Path) -> tuple[Lexicon, TermMatrix]:
    """Opens what :func:`save` wrote, mapped into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(folder / "vocabulary.arrow"))).read_all()
    chunks = table.column("term").chunks
    lexicon = Lexicon(chunks[0] if chunks else pa.array([], pa.string()), np.load(folder / "idf.npy"))
    parts = {}
    for name in ("rows", "postings"):
        indptr, indices, data = (
            np.load(folder / f"{name}.{array}.npy", mmap_mode="r", allow_pickle=False) for array in _ARRAYS
        )
        count = len(indptr) - 1
        parts[name] = (data, indices, indptr), count
    (rows, n), (postings, v) = parts["rows"], parts["postings"]
    return lexicon, TermMatrix(
        sparse.csr_array(rows, shape=(n, v), copy=False), sparse.csr_array(postings, shape=(v, n), copy=False)
    )
