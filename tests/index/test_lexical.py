"""The lexical side against scikit-learn itself, against pairs counted one by one, and against reading everything."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, TfidfTransformer

from recommend.articles.article import Article
from recommend.articles.text import terms
from recommend.encoder import Encoder, encode_articles
from recommend.index import lexical
from recommend.index.lexical import Lexicon, TermMatrix, TermVector
from recommend.index.term_counts import TermCounts

Fitted = tuple[Lexicon, TermMatrix]
WORDS = st.sampled_from(
    ["storm", "Coast", "rain", "floods", "the", "and", "Café", "vote", "東京都", "ประเทศ", "tariff"]
)
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), max_size=10)
STOP_WORDS = frozenset(ENGLISH_STOP_WORDS)


def dense(vector: TermVector, width: int) -> NDArray[np.float64]:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


@pytest.fixture(scope="module")
def fitted(corpus: list[Article], encoder: Encoder) -> Fitted:
    embeddings = encode_articles(encoder, corpus)
    return lexical.fit(TermCounts.of([article.full_text for article in corpus]), embeddings - embeddings.mean(axis=0))


@given(TEXTS.filter(lambda texts: any(terms(text, STOP_WORDS) for text in texts)), TEXTS)
def test_without_coherence_weights_are_scikit_learns_own_on_root_counts(texts: list[str], unseen: list[str]) -> None:
    counting = CountVectorizer(analyzer=lambda text: terms(text, STOP_WORDS)).fit(texts)
    weighing = TfidfTransformer().fit(counting.transform(texts))
    lexicon, matrix = lexical.fit(TermCounts.of(texts), np.zeros((len(texts), 3), np.float32))
    assert lexicon.vocabulary.to_pylist() == counting.get_feature_names_out().tolist()
    expected = weighing.transform(counting.transform([*texts, *unseen]).sqrt()).toarray()
    np.testing.assert_allclose(matrix.rows.toarray(), expected[: len(texts)], atol=1e-6)
    np.testing.assert_array_equal(matrix.postings.toarray(), matrix.rows.toarray().T)
    weighed = [lexicon.weigh(text) for text in [*texts, *unseen]]
    np.testing.assert_allclose([dense(vector, len(lexicon)) for vector in weighed], expected, atol=1e-6)
    np.testing.assert_allclose(lexical.stack(weighed, len(lexicon)).rows.toarray(), expected, atol=1e-6)


@given(TEXTS.filter(lambda texts: any(terms(text, STOP_WORDS) for text in texts)), st.integers(0, 99))
def test_a_term_weighs_as_much_more_as_its_articles_are_alike(texts: list[str], seed: int) -> None:
    embeddings = np.random.default_rng(seed).normal(size=(len(texts), 4)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    lexicon, _ = lexical.fit(TermCounts.of(texts), embeddings)
    for column, term in enumerate(lexicon.terms(np.arange(len(lexicon)))):
        having = [n for n, text in enumerate(texts) if term in terms(text, STOP_WORDS)]
        cosines = [float(embeddings[a] @ embeddings[b]) for a, b in combinations(having, 2)]
        coherence = max(float(np.mean(cosines)) if cosines else 0.0, 0.0) * len(having) / (len(having) + 8)
        idf = np.log((1 + len(texts)) / (1 + len(having))) + 1
        assert lexicon.weights[column] == pytest.approx(idf * np.sqrt(coherence + 0.1), rel=1e-4)


def test_what_all_texts_of_a_language_have_in_common_is_not_rare_be_they_ever_so_few() -> None:
    texts = [f"storm number{n} reaches harbour{n % 7}" for n in range(60)]
    texts += [f"el puerto {word} la tormenta" for word in ("gato", "perro", "mesa", "libro", "flor", "nube")]
    languages = ["en"] * 60 + ["es"] * 6
    blank = np.zeros((len(texts), 3), np.float32)
    alike, _ = lexical.fit(TermCounts.of(texts), blank)
    apart, _ = lexical.fit(TermCounts.of(texts), blank, languages)

    def weight(lexicon: lexical.Lexicon, word: str) -> float:
        return float(lexicon.weights[lexicon.columns(terms(word)[:1])[0]])

    assert weight(apart, "el") < weight(apart, "gato") < weight(alike, "gato")
    assert weight(apart, "el") < 0.7 * weight(alike, "el")
    assert weight(apart, "harbour3") == pytest.approx(weight(alike, "harbour3"), rel=0.1)


@given(TEXTS)
def test_in_one_language_it_does_not_matter_which(texts: list[str]) -> None:
    blank = np.zeros((len(texts), 3), np.float32)
    (alike, _), (named, _) = (
        lexical.fit(TermCounts.of(texts), blank),
        lexical.fit(TermCounts.of(texts), blank, ["pt"] * len(texts)),
    )
    np.testing.assert_array_equal(alike.weights, named.weights)


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
    lexical.save(*lexical.fit(counts, np.zeros((len(texts), 3), np.float32)), counts, tmp_path / "lexical")
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
    _, matrix = lexical.fit(TermCounts.of(texts), np.zeros((4, 2), np.float32))
    columns, weights = lexical.dense_rows([matrix.vector(row) for row in range(4)])
    np.testing.assert_array_equal(matrix.rows.toarray()[:, columns], weights)
    assert np.count_nonzero(weights) == matrix.rows.nnz
    assert [array.shape for array in lexical.dense_rows([])] == [(0,), (0, 0)]


def test_terms_that_hold_digits_are_told_from_words() -> None:
    lexicon, _ = lexical.fit(
        TermCounts.of(["storm kills 12", "b52 over the coast", "١٢ storms"]), np.zeros((3, 2), np.float32)
    )
    assert sorted(lexicon.terms(np.flatnonzero(lexicon.numeric))) == ["12", "b52", "١٢"]
