"""What a user would otherwise pick: rankings of the same articles by other means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bm25s
import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from recommend.articles.article import Article
from recommend.encoder.manifest import read_manifest
from recommend.evaluation.judgements import Run

DEPTH = 500
Scores = Callable[[int], np.ndarray]


class Baselines:
    """Rankings of n articles, in ascending order of ids, for given queries.

    Args:
        articles: all there are.
        embeddings: (n, d) of unit length, the encoder's own.
        encoder: folder with its manifest.
        earlier: only articles published before the query are ranked.
    """

    def __init__(self, articles: list[Article], embeddings: np.ndarray, encoder: Path) -> None:
        self.articles = articles
        self.embeddings = embeddings
        self.encoder = encoder
        self.rows = {article.id: row for row, article in enumerate(articles)}
        self.dates = np.array([a.published_at.timestamp() if a.published_at else np.nan for a in articles])

    def runs(self, queries: list[str], *, earlier: bool = False) -> dict[str, Run]:
        """A run for each baseline."""
        texts = [article.full_text for article in self.articles]
        titles = [article.title for article in self.articles]
        scorers = {
            "MiniLM nearest neighbours": lambda row: self.embeddings @ self.embeddings[row],
            "BM25 (bm25s), title as query": bm25(texts, titles),
            "BM25 (bm25s), whole text as query": bm25(texts, texts),
            "TF-IDF, words": tfidf(texts, (1, 1)),
            "TF-IDF, words and pairs of words": tfidf(texts, (1, 2)),
            "txtai, as it comes": _txtai(texts, str(read_manifest(self.encoder).source())),
        }
        return {f"*{name}*": self._run(scores, queries, earlier) for name, scores in scorers.items()}

    def _run(self, scores: Scores, queries: list[str], earlier: bool) -> Run:
        run: Run = {}
        for query in queries:
            own = self.rows[query]
            found = np.asarray(scores(own), np.float64).ravel().copy()
            found[own] = -np.inf
            if earlier and not np.isnan(self.dates[own]):
                found[~(self.dates < self.dates[own])] = -np.inf
            best = [row for row in np.argsort(-found, kind="stable")[:DEPTH] if np.isfinite(found[row])]
            run[query] = [(self.articles[row].id, float(found[row])) for row in best]
        return run


def bm25(texts: list[str], queries: list[str]) -> Scores:
    """Scores of every text under the query of a row."""
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(queries, stopwords="en", return_ids=False, show_progress=False)
    return lambda row: index.get_scores(asked[row]) if asked[row] else np.zeros(len(texts))


def tfidf(texts: list[str], pairs: tuple[int, int]) -> Scores:
    """Cosines of every text with that of a row."""
    counted = TfidfVectorizer(
        stop_words=sorted(ENGLISH_STOP_WORDS), sublinear_tf=True, dtype=np.float32, ngram_range=pairs
    )
    vectors = sparse.csr_array(counted.fit_transform(texts))
    return lambda row: (vectors @ vectors[[row]].T).toarray()


def _txtai(texts: list[str], path: str) -> Scores:
    from txtai import Embeddings  # not at the top: it is large, and other rankings do without

    index = Embeddings(path=path)
    index.index(texts)

    def scores(row: int) -> np.ndarray:
        found = np.full(len(texts), -np.inf)
        for other, score in index.search(texts[row], DEPTH):
            found[other] = score
        return found

    return scores
