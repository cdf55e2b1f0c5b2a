"""What terms weigh, against scikit-learn itself and against pairs counted one by one."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, TfidfTransformer

from recommend.articles.text import terms
from recommend.index import term_weights
from recommend.index.lexical import stack
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.term_counts import TermCounts

WORDS = st.sampled_from(
    ["storm", "Coast", "rain", "floods", "the", "and", "Café", "vote", "東京都", "ประเทศ", "tariff"]
)
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), max_size=10)
STOP_WORDS = frozenset(ENGLISH_STOP_WORDS)


def dense(vector: TermVector, width: int) -> NDArray[np.float64]:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


@given(TEXTS.filter(lambda texts: any(terms(text, STOP_WORDS) for text in texts)), TEXTS)
def test_without_coherence_weights_are_scikit_learns_own_on_root_counts(texts: list[str], unseen: list[str]) -> None:
    counting = CountVectorizer(analyzer=lambda text: terms(text, STOP_WORDS)).fit(texts)
    weighing = TfidfTransformer().fit(counting.transform(texts))
    lexicon, matrix = term_weights.fit(TermCounts.of(texts), np.zeros((len(texts), 3), np.float32))
    assert lexicon.vocabulary.to_pylist() == counting.get_feature_names_out().tolist()
    expected = weighing.transform(counting.transform([*texts, *unseen]).sqrt()).toarray()
    np.testing.assert_allclose(matrix.rows.toarray(), expected[: len(texts)], atol=1e-6)
    np.testing.assert_array_equal(matrix.postings.toarray(), matrix.rows.toarray().T)
    weighed = [lexicon.weigh(text) for text in [*texts, *unseen]]
    np.testing.assert_allclose([dense(vector, len(lexicon)) for vector in weighed], expected, atol=1e-6)
    np.testing.assert_allclose(stack(weighed, len(lexicon)).rows.toarray(), expected, atol=1e-6)


@given(TEXTS.filter(lambda texts: any(terms(text, STOP_WORDS) for text in texts)), st.integers(0, 99))
def test_a_term_weighs_as_much_more_as_its_articles_are_alike(texts: list[str], seed: int) -> None:
    embeddings = np.random.default_rng(seed).normal(size=(len(texts), 4)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    lexicon, _ = term_weights.fit(TermCounts.of(texts), embeddings)
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
    alike, _ = term_weights.fit(TermCounts.of(texts), blank)
    apart, _ = term_weights.fit(TermCounts.of(texts), blank, languages)

    def weight(lexicon: Lexicon, word: str) -> float:
        return float(lexicon.weights[lexicon.columns(terms(word)[:1])[0]])

    assert weight(apart, "el") < weight(apart, "gato") < weight(alike, "gato")
    assert weight(apart, "el") < 0.7 * weight(alike, "el")
    assert weight(apart, "harbour3") == pytest.approx(weight(alike, "harbour3"), rel=0.1)


@given(TEXTS)
def test_in_one_language_it_does_not_matter_which(texts: list[str]) -> None:
    blank = np.zeros((len(texts), 3), np.float32)
    (alike, _), (named, _) = (
        term_weights.fit(TermCounts.of(texts), blank),
        term_weights.fit(TermCounts.of(texts), blank, ["pt"] * len(texts)),
    )
    np.testing.assert_array_equal(alike.weights, named.weights)
