"""Whether what is called related is: measured under articles with and without a story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommend.articles.article import Article
from recommend.evaluation.boxes import SIZE, chosen_queries, look_into_boxes
from recommend.inspection import ranking_of
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom


def test_queries_are_all_the_judged_or_so_many_drawn_once_and_for_all() -> None:
    ids = [f"{n:03}" for n in range(100)]
    assert chosen_queries("all", ids, {}) == ids
    assert chosen_queries("judged", ids, {"007": {}, "stranger": {}}) == ["007"]
    drawn = chosen_queries("10", ids, {})
    assert drawn == chosen_queries("10", ids, {}) == sorted(set(drawn))
    assert len(drawn) == 10
    assert chosen_queries("1000", ids, {}) == ids


def test_shares_are_those_counted_by_hand(newsroom: Newsroom, stories: list[Article]) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    newsroom.take(*(s.model_copy(update={"published_at": began + timedelta(days=n)}) for n, s in enumerate(stories)))
    newsroom.reindex()
    recommender = newsroom.recommender().with_settings(policy=PolicySettings(on=False))
    ids = [story.id for story in stories]
    first = {one: ranking_of(recommender, one, SIZE) for one in ids}
    qrels = {one: {first[one][0][0]: 1, first[one][1][0]: 0} for one in ids[:20]} | {
        ids[20]: {first[ids[20]][0][0]: -1}
    }
    boxes = look_into_boxes(recommender, qrels, ids)
    assert (boxes.queries, boxes.with_story, boxes.overall.items) == (60, 20, 60 * SIZE)
    assert boxes.overall.related == pytest.approx(20 / 300)
    said = recommender.ranking.probabilities(
        np.array([score for one in ids[:20] for _, score in first[one]], np.float32)
    )
    assert boxes.predicted[: 20 * SIZE] == pytest.approx(said)
    assert boxes.related[: 20 * SIZE].reshape(20, SIZE).tolist() == [[True, *[False] * (SIZE - 1)]] * 20
    for one in boxes.thresholds:
        chosen = boxes.predicted >= one.least
        assert one.items == pytest.approx(chosen.sum() / 60)
        assert one.precision == (pytest.approx(boxes.related[chosen].mean()) if chosen.any() else None)
        tops = boxes.predicted.reshape(60, SIZE)[:20].max(axis=1)
        assert one.covered == pytest.approx((tops >= one.least).mean())
    assert boxes.auc is not None
    assert sum(age.items for age in boxes.ages) == boxes.overall.items
    assert boxes.overall.ece >= abs(boxes.overall.predicted - boxes.overall.related) - 1e-9
    assert look_into_boxes(recommender, {}, ids).auc is None
    assert look_into_boxes(recommender, qrels, []).overall.items == 0
    near = look_into_boxes(recommender, qrels, ids, unknown_days=7.5)
    assert (near.overall.items, near.predicted.tolist()) != (boxes.overall.items, boxes.predicted.tolist())
    assert "0–7 days" not in {age.name for age in near.ages}
