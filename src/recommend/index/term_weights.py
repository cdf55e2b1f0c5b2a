"""What each term of a corpus weighs: the rarer, and the more alike what it is in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon
from recommend.index.term_counts import TermCounts

_LEAST_COHERENCE = 0.1
_FEW_ARTICLES = 8
_BESIDE = -0.4
_TERMS_A_BLOCK = 20_000


def fit(
    counts: TermCounts, embeddings: NDArray[np.floating], languages: Sequence[str | None] | None = None
) -> tuple[Lexicon, TermMatrix]:
    """The lexicon of a corpus and the vectors of its articles.

    An article's weight for a term is √tf · idf · √(coherence + 0.1), normalised: a term counts as far as it is rare,
    and as far as the articles that have it are about the same thing. Rare means rare in every language: what all the
    Spanish articles have in common says nothing of any, be they ever so few.

    A term that stands beside a word weighs 0.4 of that, below zero, in articles and queries alike: no cosine is another
    one for it, and whoever asks for words takes what is not below zero.

    Args:
        counts: of n articles.
        embeddings: (n, d) of unit length, centred; what coherence is measured with.
        languages: (n,) of the articles; None for one that is unknown, or where all are the same.
    """
    rows = counts.rows
    idf = 1 - np.log(shares(rows, languages or [None] * len(counts)))
    weights = (idf * np.sqrt(coherence(rows, embeddings) + _LEAST_COHERENCE)).astype(np.float32)
    weights[: counts.beside] *= _BESIDE
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
