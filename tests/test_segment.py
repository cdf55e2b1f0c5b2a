"""A set of articles that is searched and ranked together."""

from dataclasses import replace

import numpy as np
import pytest

from recommend import lexical
from recommend.article import Article
from recommend.encoder import Encoder, encode_articles
from recommend.projection import Projection
from recommend.ranking import FEATURES, FeatureWeight, Ranker
from recommend.segment import Prepared, Segment
from recommend.settings import RankingSettings
from recommend.vectors import KINDS, VectorIndex

RANKER = Ranker(
    features={name: FeatureWeight(weight=1, mean=0, deviation=1) for name in FEATURES},
    time_scale=30.0,
    prior=5.0,
    slope=1.0,
    intercept=0.0,
)
SETTINGS = RankingSettings(lexical_terms=1000)


@pytest.fixture(scope="module")
def prepared(corpus: list[Article], encoder: Encoder) -> list[Prepared]:
    embeddings = encode_articles(encoder, corpus)
    lexicon, _ = lexical.fit(article.full_text for article in corpus)
    projection = Projection.fit(embeddings)
    pairs = zip(corpus, embeddings, strict=True)
    return [Prepared.of(article, embedding, lexicon, projection) for article, embedding in pairs]


@pytest.fixture(scope="module")
def segment(prepared: list[Prepared], corpus: list[Article]) -> Segment:
    lexicon, _ = lexical.fit(article.full_text for article in corpus)
    return Segment.of(reversed(prepared), lexicon, 384)


def test_a_segment_is_ordered_by_id_with_all_parts_aligned(segment: Segment, prepared: list[Prepared]) -> None:
    for one in prepared:
        row = segment.table.row(one.article.id)
        assert row is not None
        kept, made = segment.query(row), one.query()
        np.testing.assert_allclose(kept.embedding, made.embedding, atol=1e-3)
        np.testing.assert_array_equal(kept.terms.terms, made.terms.terms)
        np.testing.assert_allclose(kept.terms.weights, made.terms.weights, atol=1e-6)
        blank = {"embedding": None, "terms": None}
        assert replace(kept, **blank) == replace(made, **blank)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("share", [None, 0.5, 0.05])
def test_candidates_hold_the_nearest_and_the_best_lexical_matches(
    segment: Segment, indexed: bool, share: float | None
) -> None:
    everything = np.arange(len(segment))
    allowed = None if share is None else np.random.default_rng(2).random(len(segment)) < share
    rows = everything if allowed is None else np.flatnonzero(allowed)
    searched = replace(segment, index=VectorIndex.build(segment.embeddings, KINDS["flat"]) if indexed else None)
    for row in everything[::10]:
        query = segment.query(int(row))
        found = searched.retrieve(query, 12, SETTINGS, allowed)
        assert found.tolist() == sorted(set(found.tolist()))
        assert set(found.tolist()) <= set(rows.tolist())
        if len(rows) <= 12:
            assert found.tolist() == rows.tolist()
            continue
        features = segment.candidates(0, query, rows, RANKER).features
        assert set(rows[np.argsort(-features[:, 0], kind="stable")[:12]].tolist()) <= set(found.tolist())
        twelfth = np.sort(features[:, 1])[-12]
        assert set(rows[features[:, 1] > twelfth].tolist()) <= set(found.tolist())


def test_features_are_the_cosines_and_the_nearness_in_time(segment: Segment) -> None:
    row, other = segment.table.row("a-lavrov-novgorod-drone-claim"), segment.table.row("a-us-apache-squadron-korea")
    assert row is not None
    assert other is not None
    candidates = segment.candidates(3, segment.query(row), np.array([row, other]), RANKER)
    assert candidates.segments.tolist() == [3, 3]
    np.testing.assert_allclose(candidates.features[0], [1.0, 1.0, 1.0], atol=2e-3)
    days = (segment.table.published_at[row] - segment.table.published_at[other]) / 86_400
    dense = float(segment.embeddings[row].astype(np.float32) @ segment.embeddings[other].astype(np.float32))
    shared = float((segment.matrix.rows[[row]] @ segment.matrix.rows[[other]].T).toarray()[0, 0])
    np.testing.assert_allclose(candidates.features[1], [dense, shared, np.exp(-abs(days) / 30)], atol=1e-4)
