"""What the embeddings of a column's pieces have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.articles.article import Article, parse_article
from recommend.encoder import encode_articles
from recommend.index.expansion import LONG_TERMS
from recommend.index.series_means import SeriesMeans
from recommend.index.snapshot.open import open_snapshot

if TYPE_CHECKING:
    from conftest import Newsroom

NAMES = {"": ["harbour news"], "a": ["mobile mondays", "trends on tuesday"]}
TITLES = [
    ("Trends on Tuesday: Phones", "a"),
    ("Trends on Tuesday: Fares", "a"),
    ("Trends on Tuesday: Fares", "b"),
    ("Ferry sinks | Harbour News", None),
    ("Ferry sinks", None),
]


def unit_vectors(seed: int, dimension: int = 6) -> NDArray[np.float32]:
    """Of each of TITLES, leaning to one side."""
    vectors = np.random.default_rng(seed).normal(size=(len(TITLES), dimension)).astype(np.float32) + np.float32(0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


@given(st.integers(0, 1000))
def test_half_of_a_columns_mean_is_taken_off_its_pieces_and_nothing_off_others(seed: int) -> None:
    vectors = unit_vectors(seed)
    apart = SeriesMeans.fit(vectors, TITLES, NAMES).off(vectors, TITLES)
    assert np.linalg.norm(apart, axis=1) == pytest.approx(1.0, abs=1e-5)
    wanted = vectors[0] - vectors[:2].mean(axis=0) / 2
    assert apart[0] == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)
    assert apart[3] == pytest.approx(vectors[3], abs=1e-6), "alone in its series, it keeps its direction"
    assert apart[[2, 4]].tolist() == vectors[[2, 4]].tolist()


def test_an_article_without_an_embedding_keeps_none() -> None:
    vectors = unit_vectors(1)
    vectors[0] = 0
    assert not SeriesMeans.fit(vectors, TITLES, NAMES).off(vectors, TITLES)[0].any()


def test_what_is_written_is_read_again_and_of_other_series_refused(tmp_path: Path) -> None:
    vectors = unit_vectors(2)
    made = SeriesMeans.fit(vectors, TITLES, NAMES)
    made.save(tmp_path)
    assert SeriesMeans.load(tmp_path, NAMES, 6).off(vectors, TITLES).tolist() == made.off(vectors, TITLES).tolist()
    with pytest.raises(ValueError, match=r"\(3, 6\), not float32 \(1, 6\)"):
        SeriesMeans.load(tmp_path, {"a": ["trends on tuesday"]}, 6)


def test_a_snapshot_that_was_built_without_takes_nothing_off(tmp_path: Path) -> None:
    vectors = unit_vectors(3)
    assert SeriesMeans.load(tmp_path, NAMES, 6).off(vectors, TITLES).tolist() == vectors.tolist()


def posts(words: int) -> list[Article]:
    """Of a column and beside it, each of so many words of its own."""
    return [
        parse_article(
            {
                "id": f"{n:02}",
                "title": f"Trends on Tuesday: topic{n}" if n < 6 else f"Topic{n}",
                "text": " ".join(
                    "".join(chr(97 + (1000 * n + i) // 26**k % 26) for k in range(4)) for i in range(words)
                ),
            }
        )
        for n in range(12)
    ]


def test_a_post_that_arrives_later_has_the_embedding_it_would_have_in_the_snapshot(newsroom: Newsroom) -> None:
    articles = posts(2 * LONG_TERMS)
    for n in range(60):
        newsroom.store.delete(f"story-{n:02}")
    newsroom = newsroom.indexing(verify_shrink=1)
    newsroom.take(*articles)
    newsroom.reindex()
    snapshot = open_snapshot(newsroom.layout, newsroom.live.name)
    assert len(snapshot.series_means.means) == 1
    for article, embedding in zip(articles, encode_articles(newsroom.encoder, articles), strict=True):
        made = snapshot.prepare(article, embedding).embedding
        row = snapshot.segment.row(article.id)
        assert row is not None
        assert made == pytest.approx(snapshot.segment.query(row).embedding, abs=2e-3)


def test_of_brief_items_the_name_stays_as_it_is_that_of_a_story(newsroom: Newsroom) -> None:
    newsroom.take(*posts(5))
    newsroom.reindex()
    snapshot = open_snapshot(newsroom.layout, newsroom.live.name)
    assert snapshot.series
    assert not len(snapshot.series_means.means)
