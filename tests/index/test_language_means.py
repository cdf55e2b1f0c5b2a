"""What the embeddings of a language have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import encode_articles
from recommend.index.language_means import LanguageMeans
from recommend.index.projection import Projection
from recommend.index.snapshot.open import open_snapshot
from recommend.settings import IndexSettings

if TYPE_CHECKING:
    from conftest import Newsroom

LANGUAGES = ["en-GB"] * 20 + ["es"] * 12 + [None] * 2


def unit_vectors(seed: int) -> NDArray[np.float32]:
    """Of each of LANGUAGES, those of one to a side of their own."""
    vectors = np.random.default_rng(seed).normal(size=(len(LANGUAGES), 6)).astype(np.float32)
    vectors[:20, 0] += 2
    vectors[20:32, 0] -= 2
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def fitted(vectors: NDArray[np.float32], languages: list[str | None]) -> LanguageMeans:
    """Means of several languages."""
    means = LanguageMeans.fit(vectors, languages)
    assert means is not None
    return means


@given(st.integers(0, 1000))
def test_half_of_a_languages_mean_is_taken_off_its_articles_and_nothing_off_those_of_unknown_ones(seed: int) -> None:
    vectors = unit_vectors(seed)
    apart = fitted(vectors, LANGUAGES).off(vectors, LANGUAGES)
    assert np.linalg.norm(apart, axis=1) == pytest.approx(1.0, abs=1e-5)
    wanted = vectors[20] - vectors[20:32].sum(axis=0) / (12 + 8) / 2
    assert apart[20] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)
    assert apart[32:].tolist() == vectors[32:].tolist()
    assert apart[:20, 0].mean() < vectors[:20, 0].mean()
    assert apart[20:32, 0].mean() > vectors[20:32, 0].mean()


@given(st.integers(0, 1000), st.lists(st.sampled_from(["en", "en-US", None]), min_size=34, max_size=34))
def test_of_articles_in_one_language_every_embedding_is_what_it_was(seed: int, languages: list[str | None]) -> None:
    vectors = unit_vectors(seed)
    projection = Projection.fit(vectors, languages=languages)
    assert projection.spoken is None
    assert projection.apply(vectors, languages).tolist() == Projection.fit(vectors).apply(vectors).tolist()


def test_a_language_of_few_articles_and_one_that_the_corpus_lacks_keep_what_tells_of_them() -> None:
    vectors = unit_vectors(1)
    means = fitted(vectors, [*LANGUAGES[:33], "tr"])
    assert np.linalg.norm(means.means[means.names.index("tr")]) == pytest.approx(1 / 9, abs=1e-5)
    assert means.off(vectors[:1], ["fr"]).tolist() == vectors[:1].tolist()


def test_an_article_without_an_embedding_keeps_none() -> None:
    vectors = unit_vectors(2)
    vectors[0] = 0
    assert not fitted(vectors, LANGUAGES).off(vectors, LANGUAGES)[0].any()


def test_what_is_written_is_read_again_and_nothing_where_nothing_was(tmp_path: Path) -> None:
    vectors = unit_vectors(3)
    assert LanguageMeans.load(tmp_path) is None
    made = fitted(vectors, LANGUAGES)
    made.save(tmp_path)
    again = LanguageMeans.load(tmp_path)
    assert again is not None
    assert again.off(vectors, LANGUAGES).tolist() == made.off(vectors, LANGUAGES).tolist()


def test_a_draft_lies_where_the_article_would_in_a_snapshot_of_two_languages(newsroom: Newsroom) -> None:
    texts = {"en": "The ferry left the harbour of Oldport at noon", "es": "El ferri salió del puerto de Oldport a las"}
    articles = [
        Article(id=f"{language}-{i}", title=f"{text} {i}", text=f"{text} {i * 7}.", language=language)
        for language, text in texts.items()
        for i in range(12)
    ]
    newsroom.take(*articles)
    alone = newsroom.settings.model_copy(update={"indexing": IndexSettings(expansion=False)})
    replace(newsroom, settings=alone).reindex()
    snapshot = open_snapshot(newsroom.layout, newsroom.live.name)
    assert snapshot.projection.spoken is not None
    assert snapshot.projection.spoken.names == ("en", "es")
    one = articles[15]
    prepared = snapshot.prepare(one, encode_articles(newsroom.encoder, [one])[0])
    row = snapshot.segment.table.row(one.id)
    assert row is not None
    assert prepared.embedding == pytest.approx(snapshot.segment.embeddings[row].astype(np.float32), abs=2e-3)
