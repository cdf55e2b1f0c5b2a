"""TF-IDF against scikit-learn itself, and its search against reading everything."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from recommend import lexical
from recommend.article import Article
from recommend.lexical import Lexicon, TermMatrix, TermVector
from recommend.text import terms

WORDS = st.sampled_from("storm coast rain flood the and of Café minister vote 東京都 ประเทศ election tariff".split())
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), max_size=12)


def reference() -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=lambda text: [term for term in terms(text) if term not in ENGLISH_STOP_WORDS], sublinear_tf=True
    )


def dense(vector: TermVector, width: int) -> np.ndarray:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


@pytest.fixture(scope="module")
def fitted(corpus: list[Article]) -> tuple[Lexicon, TermMatrix]:
    return lexical.fit(article.full_text for article in corpus)


@given(TEXTS.filter(lambda texts: any(term not in ENGLISH_STOP_WORDS for text in texts for term in terms(text))), TEXTS)
def test_weights_are_those_of_scikit_learn(corpus_texts: list[str], unseen: list[str]) -> None:
    sklearn = reference().fit(corpus_texts)
    lexicon, matrix = lexical.fit(corpus_texts)
    np.testing.assert_array_equal(lexicon.vocabulary.to_pylist(), sklearn.get_feature_names_out())
    np.testing.assert_allclose(matrix.rows.toarray(), sklearn.transform(corpus_texts).toarray(), atol=1e-6)
    np.testing.assert_allclose(matrix.postings.toarray(), matrix.rows.toarray().T)
    weighed = [lexicon.weigh(text) for text in [*corpus_texts, *unseen]]
    expected = sklearn.transform([*corpus_texts, *unseen]).toarray()
    np.testing.assert_allclose([dense(v, len(lexicon)) for v in weighed], expected, atol=1e-6)
    np.testing.assert_allclose(lexical.stack(weighed, len(lexicon)).rows.toarray(), expected, atol=1e-6)


def test_stop_words_and_unknown_words_weigh_nothing(fitted: tuple[Lexicon, TermMatrix]) -> None:
    lexicon, _ = fitted
    assert lexicon.column("the") is None
    assert lexicon.column("zzzz") is None
    assert lexicon.term(lexicon.column("drone") or -1) == "drone"
    assert len(lexicon.weigh("the zzzz of and").terms) == 0
    assert float(np.linalg.norm(lexicon.weigh("The drone, the residence").weights)) == pytest.approx(1.0)


def test_a_saved_lexicon_opens_mapped_without_pickle_and_equal(
    fitted: tuple[Lexicon, TermMatrix], tmp_path: Path
) -> None:
    lexicon, matrix = fitted
    lexical.save(lexicon, matrix, tmp_path / "lexical")
    for file in (tmp_path / "lexical").glob("*.npy"):
        np.load(file, allow_pickle=False)
    assert {file.suffix for file in (tmp_path / "lexical").iterdir()} == {".npy", ".arrow"}
    opened, mapped = lexical.load(tmp_path / "lexical")
    assert opened.vocabulary.equals(lexicon.vocabulary)
    np.testing.assert_array_equal(opened.idf, lexicon.idf)
    for name in ("rows", "postings"):
        before, after = getattr(matrix, name), getattr(mapped, name)
        assert before.shape == after.shape
        for array in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(after, array), getattr(before, array))
        data = after.data
        while isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
            data = data.base
        assert isinstance(data, np.memmap)


def test_search_finds_what_reading_every_article_finds(fitted: tuple[Lexicon, TermMatrix]) -> None:
    _, matrix = fitted
    rows = np.arange(matrix.rows.shape[0])
    allowed = rows % 3 != 0
    for row in rows:
        query = matrix.vector(int(row))
        scores = matrix.scores(query, rows)
        assert scores[row] == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(scores, matrix.rows @ dense(query, matrix.rows.shape[1]), atol=1e-5)
        found = matrix.search(query, 10, most_terms=10_000)
        assert sorted(scores[found]) == pytest.approx(sorted(scores)[-10:], abs=1e-6)
        filtered = matrix.search(query, 10, 10_000, allowed)
        assert allowed[filtered].all()
        assert sorted(scores[filtered]) == pytest.approx(sorted(scores[allowed])[-10:], abs=1e-6)


def test_search_by_the_strongest_terms_only_finds_most_of_it(fitted: tuple[Lexicon, TermMatrix]) -> None:
    _, matrix = fitted
    rows = np.arange(matrix.rows.shape[0])
    shares = []
    for row in rows:
        query = matrix.vector(int(row))
        best = np.argsort(-matrix.scores(query, rows))[:5]
        shares.append(np.isin(best, matrix.search(query, 30, most_terms=32)).mean())
    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("texts", [[], [""], ["the of", "a"]])
def test_a_corpus_without_a_term_gives_an_empty_lexicon(texts: list[str], tmp_path: Path) -> None:
    lexicon, matrix = lexical.fit(texts)
    lexical.save(lexicon, matrix, tmp_path / "lexical")
    for own_lexicon, own_matrix in ((lexicon, matrix), lexical.load(tmp_path / "lexical")):
        query = own_lexicon.weigh("storm")
        assert (len(own_lexicon), own_matrix.rows.shape) == (0, (len(texts), 0))
        assert len(own_matrix.search(query, 5, 32)) == 0
        assert own_matrix.scores(query, np.arange(len(texts))).tolist() == [0.0] * len(texts)


def test_one_article_is_found_by_its_own_words(tmp_path: Path) -> None:
    lexical.save(*lexical.fit(["Storm hits the coast"]), tmp_path / "lexical")
    lexicon, matrix = lexical.load(tmp_path / "lexical")
    assert matrix.search(lexicon.weigh("coast storm"), 5, 32).tolist() == [0]
    assert matrix.search(lexicon.weigh("election"), 5, 32).tolist() == []
