"""The lexical side against reading everything."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import Encoder, encode_articles
from recommend.index import lexical, term_weights
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.term_counts import TermCounts

Fitted = tuple[Lexicon, TermMatrix]


def dense(vector: TermVector, width: int) -> NDArray[np.float64]:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


@pytest.fixture(scope="module")
def fitted(corpus: list[Article], encoder: Encoder) -> Fitted:
    embeddings = encode_articles(encoder, corpus)
    return term_weights.fit(
        TermCounts.of([article.full_text for article in corpus]), embeddings - embeddings.mean(axis=0)
    )


def test_stop_words_and_unknown_words_weigh_nothing(fitted: Fitted) -> None:
    lexicon, _ = fitted
    assert lexicon.columns(["the", "zzzz"]).tolist() == [-1, -1]
    assert lexicon.terms(lexicon.columns(["drone"])) == ["drone"]
    assert len(lexicon.weigh("the zzzz of and").terms) == 0
    assert float(np.linalg.norm(lexicon.weigh("The drone, the residence").weights)) == pytest.approx(1.0)


def test_a_saved_lexicon_opens_mapped_without_pickle_and_equal(
    corpus: list[Article], fitted: Fitted, tmp_path: Path
) -> None:
    lexicon, matrix = fitted
    counts = TermCounts.of([article.full_text for article in corpus])
    lexical.save(lexicon, matrix, counts, tmp_path / "lexical")
    for file in (tmp_path / "lexical").glob("*.npy"):
        np.load(file, allow_pickle=False)
    assert {file.suffix for file in (tmp_path / "lexical").iterdir()} == {".npy", ".arrow", ".txt"}
    opened, mapped = lexical.load(tmp_path / "lexical")
    assert opened.vocabulary.equals(lexicon.vocabulary)
    assert opened.stop_words == lexicon.stop_words
    kept = lexical.load_counts(tmp_path / "lexical")
    assert (kept.vocabulary, kept.stop_words) == (counts.vocabulary, counts.stop_words)
    np.testing.assert_array_equal(kept.rows.toarray(), counts.rows.toarray())
    np.testing.assert_array_equal(opened.weights, lexicon.weights)
    for name in ("rows", "postings"):
        before, after = getattr(matrix, name), getattr(mapped, name)
        assert before.shape == after.shape
        for array in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(after, array), getattr(before, array))
        data = after.data
        while isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
            data = data.base
        assert isinstance(data, np.memmap)


def test_search_finds_what_reading_every_article_finds(fitted: Fitted) -> None:
    _, matrix = fitted
    rows = np.arange(matrix.rows.shape[0])
    allowed = rows % 3 != 0
    shares = []
    for row in rows:
        query, other = matrix.vector(int(row)), matrix.vector(int(rows[-1 - row]))
        scores, others = matrix.scores(rows, query, other)
        np.testing.assert_allclose(scores, matrix.rows @ dense(query, matrix.rows.shape[1]), atol=1e-5)
        np.testing.assert_allclose(others[row], matrix.pairs(rows[[row]], rows[[-1 - row]])[0], atol=1e-5)
        found = matrix.search(query, 10, most_terms=10_000)
        assert sorted(scores[found]) == pytest.approx(sorted(scores)[-10:], abs=1e-6)
        filtered = matrix.search(query, 10, 10_000, allowed)
        assert allowed[filtered].all()
        assert sorted(scores[filtered]) == pytest.approx(sorted(scores[allowed])[-10:], abs=1e-6)
        shares.append(np.isin(np.argsort(-scores)[:5], matrix.search(query, 30, most_terms=32)).mean())
    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("texts", [[], [""], ["the of", "a"], ["Storm hits the coast"]])
def test_a_corpus_of_one_article_or_no_term_is_saved_and_searched(texts: list[str], tmp_path: Path) -> None:
    counts = TermCounts.of(texts)
    lexical.save(*term_weights.fit(counts, np.zeros((len(texts), 3), np.float32)), counts, tmp_path / "lexical")
    lexicon, matrix = lexical.load(tmp_path / "lexical")
    known = [0] if "Storm hits the coast" in texts else []
    query = lexicon.weigh("coast storm")
    assert matrix.rows.shape == (len(texts), len(lexicon))
    assert (
        matrix.search(query, 5, 32).tolist() == np.flatnonzero(matrix.scores(np.arange(len(texts)), query)[0]).tolist()
    )
    assert matrix.search(query, 5, 32).tolist() == known
    assert matrix.search(lexicon.weigh("election"), 5, 32).tolist() == []


def test_rows_of_a_few_texts_hold_what_their_vectors_do() -> None:
    texts = ["storm hits coast hard", "storm storm leaves coast", "election in town", ""]
    _, matrix = term_weights.fit(TermCounts.of(texts), np.zeros((4, 2), np.float32))
    columns, weights = lexical.dense_rows([matrix.vector(row) for row in range(4)])
    np.testing.assert_array_equal(matrix.rows.toarray()[:, columns], weights)
    assert np.count_nonzero(weights) == matrix.rows.nnz
    assert [array.shape for array in lexical.dense_rows([])] == [(0,), (0, 0)]


def test_terms_that_hold_digits_are_told_from_words() -> None:
    lexicon, _ = term_weights.fit(
        TermCounts.of(["storm kills 12", "b52 over the coast", "١٢ storms"]), np.zeros((3, 2), np.float32)
    )
    assert sorted(lexicon.terms(np.flatnonzero(lexicon.numeric))) == ["12", "b52", "١٢"]


def test_what_stands_beside_words_adds_to_cosines_and_not_to_length() -> None:
    texts = ["Hafenarbeiter streiken 2026", "Hilfsarbeiter gesucht", "Dockers strike", "", "Wahl"]
    languages = ["de", "de", "en", "de", "de"]
    counts = TermCounts.of(texts, languages)
    lexicon, matrix = term_weights.fit(counts, np.eye(len(texts), 8, dtype=np.float32), languages)
    rows = np.arange(len(texts))[::-1]
    lengths = [len(matrix.vector(row).words.terms) for row in rows.tolist()]
    assert matrix.word_counts(rows).tolist() == lengths == [2, 0, 3, 3, 4]
    query = lexicon.weigh(texts[0], "de")
    assert query.words.terms.tolist() == matrix.vector(0).words.terms.tolist()
    np.testing.assert_allclose(query.weights, matrix.vector(0).weights, rtol=1e-6)
    assert np.linalg.norm(query.weights) == pytest.approx(1.0)
    assert len(np.intersect1d(query.words.terms, matrix.vector(1).words.terms)) == 0
    cosines = matrix.scores(np.arange(len(texts)), query)[0]
    assert cosines[0] == pytest.approx(1.0)
    assert 0 < cosines[1] < 0.5
    assert not cosines[2:].any()
