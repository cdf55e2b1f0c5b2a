"""A set of articles that is searched and ranked together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.index.dates import MISSING
from recommend.index.dense import KINDS, VectorIndex
from recommend.index.expansion import NEIGHBOUR_SHARE
from recommend.index.lexicon import Terms
from recommend.index.query import Prepared, Query
from recommend.index.segment import Segment
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import Snapshot, open_snapshot
from recommend.index.time_curve import FLAT, TimeCurve
from recommend.ranking.candidates import FEATURES
from recommend.ranking.features import compute_features
from recommend.settings import RankingSettings, Settings
from recommend.store import Store

WIDE = RankingSettings(lexical_terms=1000)


@pytest.fixture(scope="module")
def snapshot(indexed: tuple[Settings, Store]) -> Snapshot:
    layout = IndexLayout(indexed[0].index)
    return open_snapshot(layout, current_name(layout) or "")


@pytest.fixture(scope="module")
def prepared(snapshot: Snapshot, indexed: tuple[Settings, Store]) -> list[Prepared]:
    with indexed[1].published(snapshot.manifest.encoder) as (_, changes):
        return [snapshot.prepare(c.article, c.embedding) for c in changes if c.article and c.embedding is not None]


def dense(vector: Terms, width: int) -> NDArray[np.float64]:
    values = np.zeros(width)
    values[vector.terms] = vector.weights
    return values


def assert_alike(kept: Query, made: Query, width: int, least: float) -> None:
    assert float(kept.embedding @ made.embedding) > least
    assert float(dense(kept.context, width) @ dense(made.context, width)) > least
    np.testing.assert_allclose(dense(kept.terms, width), dense(made.terms, width), atol=1e-5)
    for name in ("tags", "authors"):
        np.testing.assert_allclose(getattr(kept, name).weights, getattr(made, name).weights, atol=1e-5)
        assert getattr(kept, name).terms.tolist() == getattr(made, name).terms.tolist()
    assert kept.card is not None
    assert made.card is not None
    assert kept.card() == made.card()
    blank: dict[str, Any] = dict.fromkeys(("embedding", "terms", "context", "tags", "authors", "card"))
    assert replace(kept, **blank) == replace(made, **blank)


def test_a_segment_of_changes_is_ordered_by_id_and_holds_what_was_prepared(
    snapshot: Snapshot, prepared: list[Prepared]
) -> None:
    segment = Segment.of(reversed(prepared), snapshot.segment)
    for row, one in enumerate(sorted(prepared, key=lambda one: one.article.id)):
        assert segment.table.id(row) == one.article.id
        assert_alike(segment.query(row), one.query(), len(snapshot.lexicon), 0.999)


def test_a_segment_of_many_changes_is_searched_by_an_index_that_finds_what_a_scan_would(
    snapshot: Snapshot, prepared: list[Prepared]
) -> None:
    many = [replace(one, row=one.row | {"id": f"{one.article.id} {n}"}) for one in prepared for n in range(8)]
    rng = np.random.default_rng(4)
    near = (one.embedding + rng.normal(0, 0.05, len(one.embedding)).astype(np.float32) for one in many)
    many = [replace(one, embedding=embedding) for one, embedding in zip(many, near, strict=True)]
    few, segment = (Segment.of(some, snapshot.segment) for some in (many[:99], many))
    assert few.index is None
    assert segment.index is not None
    for one in prepared[::10]:
        scanned = replace(segment, index=None).nearest(one.embedding, 20)
        assert segment.nearest(one.embedding, 20).tolist() == scanned.tolist()


def test_an_article_that_arrives_later_looks_as_it_would_in_the_snapshot(
    snapshot: Snapshot, prepared: list[Prepared]
) -> None:
    for one in prepared:
        row = snapshot.segment.table.row(one.article.id)
        assert row is not None
        assert_alike(snapshot.segment.query(row), one.query(), len(snapshot.lexicon), 0.9)


@pytest.mark.parametrize("indexed_by", [None, "flat"])
@pytest.mark.parametrize("share", [None, 0.5, 0.05])
def test_candidates_hold_the_nearest_and_the_best_lexical_matches(
    snapshot: Snapshot, indexed_by: str | None, share: float | None
) -> None:
    segment, everything = snapshot.segment, np.arange(len(snapshot.segment))
    index = None if indexed_by is None else VectorIndex.build(segment.embeddings, KINDS[indexed_by])
    allowed = None if share is None else np.random.default_rng(2).random(len(segment)) < share
    rows = everything if allowed is None else np.flatnonzero(allowed)
    for row in everything[::10]:
        query = segment.query(int(row))
        found = replace(segment, index=index).retrieve(query, 12, WIDE, allowed)
        assert found.tolist() == sorted(set(found.tolist()) & set(rows.tolist()))
        features = compute_features(segment, 0, query, rows).features
        nearest = rows[np.argsort(-features[:, 0], kind="stable")[:12]]
        lexical = rows[features[:, 1] > np.sort(features[:, 1])[-min(12, len(rows))]]
        assert {*nearest.tolist(), *lexical.tolist()} <= set(found.tolist())


@given(st.data())
def test_candidates_of_many_queries_are_those_of_each_alone(snapshot: Snapshot, data: st.DataObject) -> None:
    curve = data.draw(st.sampled_from([FLAT, TimeCurve(pairs=900, days=(0, 365), evidence=(2.0, -1.0))]))
    index = data.draw(st.sampled_from([None, VectorIndex.build(snapshot.segment.embeddings, KINDS["flat"])]))
    segment = replace(snapshot.segment, time_curve=curve, index=index)
    count, near = data.draw(st.sampled_from([6, 12, 10_000])), data.draw(st.sampled_from([0, 20, 60, 10_000]))
    settings = WIDE.model_copy(update={"near_in_time": near})
    rows = data.draw(st.lists(st.integers(0, len(segment) - 1), max_size=20))
    queries = [segment.query(row) for row in rows]
    queries = [
        replace(one, published_at=MISSING) if row % 7 == 0 else one for row, one in zip(rows, queries, strict=True)
    ]
    together = segment.retrieve_each(queries, count, settings)
    alone = [segment.retrieve(query, count, settings, None) for query in queries]
    assert [found.tolist() for found in together] == [found.tolist() for found in alone]


def test_of_articles_about_as_near_in_time_those_nearest_in_meaning_are_candidates_too(snapshot: Snapshot) -> None:
    curve = TimeCurve(pairs=900, days=(0, 365), evidence=(2.0, -1.0))
    segment = replace(snapshot.segment, time_curve=curve)
    for row in range(0, len(segment), 10):
        query = segment.query(row)
        timeline = segment.table.timeline
        around = timeline.dated[timeline.around(query.published_at, 20)]
        near = around[np.argsort(-(segment.embeddings[around].astype(np.float32) @ query.embedding))[:6]]
        settings = WIDE.model_copy(update={"near_in_time": 20})
        assert set(near.tolist()) <= set(segment.retrieve(query, 12, settings, None).tolist())
        kept = np.ones(len(segment), np.bool_)
        kept[near] = False
        assert not set(near.tolist()) & set(segment.retrieve(query, 12, settings, kept).tolist())
        for other, some in (
            (replace(segment, time_curve=FLAT), settings),
            (segment, WIDE.model_copy(update={"near_in_time": 0})),
        ):
            dense, lexical = other.nearest(query.embedding, 12), other.matrix.search(query.terms, 12, 1000)
            assert set(other.retrieve(query, 12, some, None).tolist()) == {*dense.tolist(), *lexical.tolist()}


def test_features_are_the_cosines_alone_and_expanded_nearness_in_time_and_the_same_section(
    snapshot: Snapshot,
) -> None:
    curve = TimeCurve(pairs=900, days=(0, 30, 365), evidence=(2.0, 0.5, -1.0))
    segment, width = replace(snapshot.segment, time_curve=curve), len(snapshot.lexicon)
    assert segment.neighbours is not None
    terms = segment.matrix.rows.toarray()
    expanded = (1 - NEIGHBOUR_SHARE) * terms + NEIGHBOUR_SHARE * terms[segment.neighbours].mean(axis=1)
    expanded /= np.linalg.norm(expanded, axis=1, keepdims=True)
    vectors, when = segment.embeddings.astype(np.float32), segment.table.published_at
    sections = [segment.table.value("section", row) for row in range(len(segment))]
    for row in range(0, len(segment), 10):
        candidates = compute_features(segment, 3, segment.query(row), np.arange(len(segment)))
        assert set(candidates.segments.tolist()) == {3}
        assert dense(segment.query(row).context, width) == pytest.approx(expanded[row], abs=1e-5)
        expected = {"dense": vectors @ vectors[row], "lexical": terms @ terms[row], "context": expanded @ expanded[row]}
        days = np.abs(when - when[row]) / 86_400
        expected["time_curve"] = np.interp(np.log1p(days), np.log1p([0, 30, 365]), [2.0, 0.5, -1.0])
        expected["days_log"] = -np.log1p(days)
        for name, labels in (("tags", segment.tags), ("authors", segment.authors)):
            cosines = (labels.rows @ labels.rows.T).toarray()[row]
            unlabelled = np.diff(labels.rows.indptr) == 0
            expected[name] = np.where(unlabelled | unlabelled[row], np.nan, cosines)
        expected["length"] = np.log(np.maximum((terms > 0).sum(axis=1), 1) / 100)
        said = segment.titles.rows.toarray() @ (terms[row] != 0)
        expected["titles"] = np.where(np.diff(segment.titles.rows.indptr) == 0, np.nan, said)
        expected["backlinks"] = np.full(len(segment), np.nan)  # nothing links here
        expected["section"] = np.array([float(section == sections[row]) for section in sections])
        assert expected.keys() == set(FEATURES)
        for name, values in expected.items():
            np.testing.assert_allclose(candidates.feature(name), values, atol=2e-4, err_msg=name)
