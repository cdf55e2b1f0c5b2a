"""Expansion: who an article's nearest are, and what it looks like mixed with them, held against plain arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from random_corpus import WIDTH, some_embeddings, some_matrix, unit
from recommend.articles.article import Article
from recommend.encoder import Encoder, encode_articles
from recommend.index.dates import MISSING
from recommend.index.dense import KINDS, VectorIndex
from recommend.index.expansion import (
    NEIGHBOUR_COUNT,
    NEIGHBOUR_SHARE,
    ExpandedTerms,
    expanded_lengths,
    expanded_vectors,
    expansion_pays,
    mean_similarity,
    mixed_terms,
    nearest,
    pair_scores,
    units,
)
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Terms, TermVector
from recommend.index.snapshot.open import Snapshot, open_snapshot
from recommend.index.term_counts import TermCounts
from recommend.ranking.features import compute_features

if TYPE_CHECKING:
    from conftest import Newsroom

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


class EnglishOnly:
    """Another encoder, said to be made for English."""

    language: str | None = "en"

    def __init__(self, inner: Encoder) -> None:
        self.inner, self.fingerprint = inner, inner.fingerprint
        self.dimension, self.max_tokens = inner.dimension, inner.max_tokens

    def encode(self, texts: Sequence[str]) -> Floats:
        return self.inner.encode(texts)


def some_dates(count: int) -> NDArray[np.int64]:
    """Over two months, every third one unknown."""
    dates = np.random.default_rng(3).integers(0, 60 * 86_400, count) + 1_700_000_000
    dates[::3] = MISSING
    return dates


def some_neighbours(count: int) -> Rows:
    return np.random.default_rng(4).integers(0, count, (count, NEIGHBOUR_COUNT)).astype(np.int32)


def dense(vector: Terms, width: int = WIDTH) -> NDArray[np.float64]:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


def found_by(embeddings: Floats, matrix: TermMatrix, dates: NDArray[np.int64], time_weight: float) -> Rows:
    index = VectorIndex.build(embeddings, KINDS["flat"])
    found, timeless = nearest(embeddings, index, matrix, dates, units(embeddings, matrix), time_weight)
    again, _ = nearest(embeddings, index, matrix, dates, units(embeddings, matrix), 0.0)
    assert timeless.tolist() == again.tolist()
    return found


def compared_one_by_one(embeddings: Floats, matrix: TermMatrix, days: Floats, time_weight: float) -> list[list[int]]:
    """The nearest by all pairs; ``days`` (n,) since some day, all known."""
    terms, (dense_unit, lexical_unit) = matrix.rows.toarray(), units(embeddings, matrix)
    near = np.exp(-np.abs(days[:, None] - days[None, :]) / 30)
    scores = 1.7 * embeddings @ embeddings.T / dense_unit + terms @ terms.T / lexical_unit + time_weight * near
    np.fill_diagonal(scores, -np.inf)
    nearest_first: list[list[int]] = np.argsort(-scores, axis=1)[:, :NEIGHBOUR_COUNT].tolist()
    return nearest_first


@pytest.mark.parametrize("time_weight", [0.0, 4.0])
def test_the_nearest_are_those_that_comparing_all_pairs_one_by_one_gives(time_weight: float) -> None:
    embeddings, matrix = some_embeddings(40), some_matrix(40)
    days = np.random.default_rng(3).integers(0, 60, 40).astype(np.float32)
    dates = days.astype(np.int64) * 86_400 + 1_700_000_000
    expected = compared_one_by_one(embeddings, matrix, days, time_weight)
    assert found_by(embeddings, matrix, dates, time_weight).tolist() == expected
    assert (expected == compared_one_by_one(embeddings, matrix, days, 0.0)) == (time_weight == 0.0)


def test_time_decides_nothing_for_an_article_without_a_date_nor_where_it_has_no_weight() -> None:
    embeddings, matrix, dates = some_embeddings(40), some_matrix(40), some_dates(40)
    timeless = compared_one_by_one(embeddings, matrix, np.zeros(40, np.float32), 0.0)
    found = found_by(embeddings, matrix, dates, 4.0).tolist()
    assert [found[row] for row in range(0, 40, 3)] == timeless[::3]
    assert found != timeless
    assert found_by(embeddings, matrix, dates, 0.0).tolist() == timeless
    assert found_by(embeddings, matrix, np.full(40, MISSING), 4.0).tolist() == timeless


def test_the_mean_similarity_is_the_mean_lexical_cosine_with_those_that_are_not_the_article_itself() -> None:
    matrix, neighbours = some_matrix(40), some_neighbours(40)
    cosines = (matrix.rows @ matrix.rows.T).toarray()
    expected = [cosines[row, other] for row in range(40) for other in neighbours[row].tolist() if other != row]
    assert mean_similarity(matrix, neighbours) == pytest.approx(np.mean(expected), abs=1e-3)
    assert mean_similarity(matrix, np.repeat(np.arange(40, dtype=np.int32)[:, None], NEIGHBOUR_COUNT, axis=1)) == 0.0


@given(st.integers(0, 9), st.integers(0, 99), st.sampled_from([0.0, 4.0]))
def test_the_own_row_stands_in_only_where_there_are_too_few_others(count: int, seed: int, time_weight: float) -> None:
    found = found_by(
        some_embeddings(count, seed).reshape(count, 6), some_matrix(count, seed), some_dates(count), time_weight
    )
    assert found.shape == (count, NEIGHBOUR_COUNT)
    for row, neighbours in enumerate(found.tolist()):
        others = [other for other in neighbours if other != row]
        assert len(set(others)) == len(others) == min(count - 1, NEIGHBOUR_COUNT)
        assert neighbours == others + [row] * (NEIGHBOUR_COUNT - len(others))


@pytest.mark.parametrize("known", [0, 1, 3])
def test_where_no_date_is_known_the_mean_nearness_of_the_others_stands_in(known: int) -> None:
    near = np.array([0.2, 0.6, 0.7, 0.1], np.float32)
    near[known:] = np.nan
    scores = pair_scores(np.zeros(4, np.float32), np.zeros(4, np.float32), near, 2.0)
    mean = near[:known].mean() if known else 0.0
    assert scores == pytest.approx(2.0 * np.where(np.isnan(near), mean, near))


def test_an_expanded_vector_is_seventy_to_thirty_with_its_neighbours_mean_and_of_unit_length() -> None:
    embeddings, neighbours = some_embeddings(30), some_neighbours(30)
    before = embeddings.copy()
    mixed = expanded_vectors(embeddings, neighbours)
    assert np.linalg.norm(mixed.astype(np.float32), axis=1) == pytest.approx(np.ones(30), abs=1e-3)
    for row in range(30):
        assert mixed[row] == pytest.approx(
            unit(0.7 * embeddings[row] + 0.3 * embeddings[neighbours[row]].mean(axis=0)), abs=1e-3
        )
    assert np.array_equal(embeddings, before)


def test_an_article_that_is_its_own_neighbour_stays_as_it_is() -> None:
    embeddings, matrix = some_embeddings(10), some_matrix(10)
    alone = np.repeat(np.arange(10, dtype=np.int32)[:, None], NEIGHBOUR_COUNT, axis=1)
    assert expanded_vectors(embeddings, alone) == pytest.approx(embeddings, abs=1e-3)
    assert expanded_lengths(matrix, alone) == pytest.approx(np.ones(10), abs=1e-6)
    for row in range(10):
        own = ExpandedTerms(matrix, row, alone[row])
        assert dense(own) == pytest.approx(dense(matrix.vector(row)), abs=1e-6)


@given(st.integers(1, 30), st.integers(0, 99))
def test_expanded_lengths_and_terms_are_those_of_rows_mixed_by_hand(count: int, seed: int) -> None:
    matrix, neighbours = some_matrix(count, seed), some_neighbours(count)
    rows = matrix.rows.toarray()
    mixed = (1 - NEIGHBOUR_SHARE) * rows + NEIGHBOUR_SHARE * rows[neighbours].mean(axis=1)
    lengths = np.linalg.norm(mixed, axis=1)
    assert expanded_lengths(matrix, neighbours) == pytest.approx(lengths, abs=1e-6)
    for row in range(count):
        terms = ExpandedTerms(matrix, row, neighbours[row])
        assert dense(terms) == pytest.approx(mixed[row] / lengths[row], abs=1e-6)
        assert np.all(np.diff(terms.terms) > 0)
        assert terms.weights.dtype == np.float32


@pytest.mark.parametrize("others", [0, 1, 5])
def test_terms_mix_with_any_number_of_neighbours(others: int) -> None:
    vectors = [some_matrix(others + 1).vector(row) for row in range(others + 1)]
    mixed = 0.7 * dense(vectors[0]) + (0.3 * np.mean([dense(v) for v in vectors[1:]], axis=0) if others else 0.0)
    assert dense(mixed_terms(vectors[0], vectors[1:])) == pytest.approx(unit(mixed), abs=1e-6)


def test_an_article_without_terms_takes_its_neighbours_and_nothing_stays_nothing() -> None:
    blank = TermVector(np.zeros(0, np.int64), np.zeros(0, np.float32))
    other = some_matrix(1).vector(0)
    assert dense(mixed_terms(blank, [other, blank, blank])) == pytest.approx(dense(other), abs=1e-6)
    assert len(mixed_terms(blank, [blank]).terms) == 0


def live(newsroom: Newsroom) -> Snapshot:
    return open_snapshot(newsroom.layout, newsroom.live.name)


def prepared_alike(newsroom: Newsroom, articles: list[Article]) -> list[tuple[float, float]]:
    """Cosines of embeddings and of neighbours terms: as prepared later, and as the snapshot holds them."""
    snapshot = live(newsroom)
    width, found = len(snapshot.lexicon), []
    for article, embedding in zip(articles, encode_articles(newsroom.encoder, articles), strict=True):
        row = snapshot.segment.table.row(article.id)
        assert row is not None
        kept, made = snapshot.segment.query(row), snapshot.prepare(article, embedding).query()
        context = float(dense(kept.context, width) @ dense(made.context, width))
        found.append((float(kept.embedding @ made.embedding), context))
    return found


def dated(stories: list[Article]) -> list[Article]:
    return [
        article.model_copy(update={"published_at": None if n % 5 == 0 else NOON + timedelta(days=7 * n)})
        for n, article in enumerate(stories)
    ]


def test_the_context_feature_is_the_cosine_of_both_term_vectors_mixed_by_hand(newsroom: Newsroom) -> None:
    segment = live(newsroom).segment
    assert segment.neighbours is not None
    rows = segment.matrix.rows.toarray()
    mixed = unit((1 - NEIGHBOUR_SHARE) * rows + NEIGHBOUR_SHARE * rows[segment.neighbours].mean(axis=1))
    wanted = np.array([3, 50, 7, 0, 21])
    for row in range(len(segment)):
        features = compute_features(segment, 0, segment.query(row), wanted)
        assert features.feature("context") == pytest.approx(mixed[wanted] @ mixed[row], abs=1e-5)
        assert features.feature("lexical") == pytest.approx(rows[wanted] @ rows[row], abs=1e-5)


def test_an_article_prepared_later_looks_as_in_the_snapshot(newsroom: Newsroom, stories: list[Article]) -> None:
    articles = dated(stories)
    newsroom.take(*articles)
    newsroom.reindex()
    assert np.min(prepared_alike(newsroom, articles)) > 0.95


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_does_so_among_fewer_articles_than_it_has_neighbours(
    newsroom: Newsroom, stories: list[Article], count: int
) -> None:
    for article in stories[count:]:
        newsroom.store.delete(article.id)
    few = newsroom.indexing(verify_shrink=1.0)
    few.reindex()
    assert few.live.articles == count
    assert np.min(prepared_alike(few, stories[:count])) > 0.99


def test_without_expansion_articles_stay_alone_in_the_snapshot_and_after(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    before = live(newsroom)
    alone = newsroom.indexing(expansion=False)
    assert alone.reindex().built
    assert (before.manifest.expansion, alone.live.expansion) == (True, False)
    assert alone.live.recipe != before.manifest.recipe
    segment = live(alone).segment
    assert segment.neighbours is not None
    assert segment.neighbours.tolist() == [[row] * NEIGHBOUR_COUNT for row in range(len(segment))]
    raw = encode_articles(alone.encoder, stories).astype(np.float16)
    assert segment.embeddings.astype(np.float32) == pytest.approx(live(alone).projection.apply(raw), abs=1e-3)
    assert not np.allclose(segment.embeddings, before.segment.embeddings, atol=1e-2)
    features = compute_features(segment, 0, segment.query(0), np.arange(len(segment)))
    assert features.feature("context") == pytest.approx(features.feature("lexical"), abs=1e-5)
    assert np.min(prepared_alike(alone, stories)) > 0.999


def test_articles_in_a_language_the_encoder_is_not_made_for_are_not_expanded(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    english = replace(newsroom, encoder=EnglishOnly(newsroom.encoder))
    spoken = ["de", "en-GB", None]
    articles = [article.model_copy(update={"language": spoken[n % 3]}) for n, article in enumerate(stories)]
    english.take(*articles)
    english.reindex()
    snapshot = live(english)
    assert snapshot.segment.neighbours is not None
    for row, neighbours in enumerate(snapshot.segment.neighbours.tolist()):
        assert (neighbours == [row] * NEIGHBOUR_COUNT) == (row % 3 == 0)
    raw = encode_articles(english.encoder, articles)
    projected = snapshot.projection.apply(raw, [article.language for article in articles])
    for article, embedding, vector in zip(articles, raw, projected, strict=True):
        made, context = (
            snapshot.prepare(article, embedding),
            dense(snapshot.lexicon.weigh(article.full_text, article.language), 10_000),
        )
        keeps_none = article.language == "de"
        assert np.allclose(made.embedding, vector, atol=1e-5) == keeps_none
        assert np.allclose(dense(made.context, 10_000), context, atol=1e-5) == keeps_none


@pytest.mark.parametrize(("language", "coherent"), [("de", False), ("en", True), (None, True)])
def test_articles_in_a_foreign_language_lend_their_terms_no_coherence(
    newsroom: Newsroom, stories: list[Article], language: str | None, coherent: bool
) -> None:
    english = replace(newsroom, encoder=EnglishOnly(newsroom.encoder))
    strange = [
        Article(id=f"strange-{n}", title="zylom quarb", text="zylom quarb zylom fremp", language=language)
        for n in range(5)
    ]
    english.take(*stories, *strange)
    english.reindex()
    lexicon = live(english).lexicon
    (column,) = lexicon.columns(["zylom"]).tolist()
    assert column >= 0
    common = (1 + len(strange)) / (1 + len(stories) + len(strange))
    if language is not None:  # all articles of that language have it
        common = (len(strange) + 8 * common) / (len(strange) + 8)
    alone = float((1 - np.log(common)) * np.sqrt(0.1))
    assert (lexicon.weights[column] > 1.5 * alone) if coherent else lexicon.weights[column] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("words", "similarity", "pays"), [(100, 0.2, False), (100, 0.5, True), (20, 0.2, True), (0, 0.0, True)]
)
def test_long_texts_whose_nearest_are_about_something_else_are_not_expanded(
    words: int, similarity: float, pays: bool
) -> None:
    texts = [" ".join(f"{n}w{word}" for word in range(words)) for n in range(3)] if words else []
    typical = TermCounts.of(texts).typical_words
    assert typical == words
    assert expansion_pays(typical, similarity) is pays
