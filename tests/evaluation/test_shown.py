"""What boxes show, against what was worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.evaluation.shown import BY_BOX, Box, gini, look_at, read_boxes, totals

if TYPE_CHECKING:
    from conftest import Newsroom


def test_boxes_are_those_that_readers_see_whatever_the_settings_say_of_the_policy(newsroom: Newsroom) -> None:
    off = newsroom.settings.policy.model_copy(update={"on": False})
    recommender = newsroom.recommender()
    ids = ["story-00", "story-07", "nobody"]
    boxes = read_boxes(recommender.with_settings(policy=off), ids, 4)
    assert [box.article_id for box in boxes] == ids[:2]
    for box in boxes:
        answer = recommender.answer(box.article_id, 4)
        assert answer is not None
        assert (box.items, box.related) == (tuple(item.id for item in answer.items), answer.related)


def test_figures_of_boxes_are_those_worked_out_by_hand(newsroom: Newsroom, stories: list[Article]) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    dated = [s.model_copy(update={"published_at": began + timedelta(days=n)}) for n, s in enumerate(stories)]
    copy = dated[1].model_copy(update={"id": "copy"})
    newsroom.take(*dated, copy)
    newsroom.reindex()
    recommender = newsroom.recommender()
    boxes = [
        Box("story-10", ("story-04", "story-01", "copy"), 2),
        Box("story-01", ("copy", "story-04"), 2),
        Box("story-20", ("story-04",), 0),
        Box("story-30", (), 0),
    ]
    found = look_at(recommender, boxes, 3)
    assert found.values.keys() == BY_BOX.keys()
    assert found.values["duplicates"] == {
        "story-10": pytest.approx(1 / 3), "story-01": pytest.approx(1 / 2), "story-20": 0.0
    }  # fmt: skip
    assert found.values["short"] == {"story-10": 0.0, "story-01": 1.0, "story-20": 1.0, "story-30": 1.0}
    assert found.values["empty"] == {"story-10": 0.0, "story-01": 0.0, "story-20": 1.0, "story-30": 1.0}
    assert found.values["fill"] == {"story-10": pytest.approx(1 / 3), "story-01": 0.0, "story-20": 1.0}
    assert found.values["age"] == {"story-10": 9.0, "story-01": pytest.approx(-1.5), "story-20": 16.0}
    rare, common = np.log2(4 / 2), np.log2(4 / 3)
    assert found.values["novelty"]["story-20"] == pytest.approx(common)
    assert found.values["novelty"]["story-01"] == pytest.approx((rare + common) / 2)
    vectors = {one: recommender.view().segments[0].embeddings[row(recommender, one)] for one in ("copy", "story-04")}
    cosine = float(vectors["copy"].astype(np.float32) @ vectors["story-04"].astype(np.float32))
    assert found.values["diversity"].keys() == {"story-10", "story-01"}
    assert found.values["diversity"]["story-01"] == pytest.approx(1 - cosine, abs=1e-3)
    assert found.coverage == pytest.approx(3 / 61)
    assert found.most == ("story-04", 3)
    assert found.gini == pytest.approx(gini([3, 2, 1, *[0] * 58]))
    assert found.boxes == 4
    assert [name for name, _ in totals(found)] == ["coverage", "gini", "most shown"]
    assert found.means["short"].mean == pytest.approx(3 / 4)


def row(recommender: object, article_id: str) -> int:
    place = recommender.view().locate(article_id)  # type: ignore[attr-defined]
    assert place is not None
    return int(place[1])


def test_of_no_boxes_nothing_is_told(newsroom: Newsroom) -> None:
    assert read_boxes(newsroom.recommender(), [], 5) == []
    found = look_at(newsroom.recommender(), [], 5)
    assert (found.coverage, found.gini, found.most, found.boxes) == (0.0, 0.0, None, 0)
    assert not found.means["age"].is_known


def test_gini_is_nothing_where_all_have_the_same_and_nearly_one_where_one_has_all() -> None:
    assert gini([2, 2, 2]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 8]) == pytest.approx(3 / 4)
    assert gini([0, 0]) == 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_gini_is_half_the_mean_difference_of_any_two_over_the_mean(counts: list[int]) -> None:
    values = np.array(counts, float)
    if values.any():
        apart = np.abs(values[:, None] - values[None, :]).mean()
        assert gini(counts) == pytest.approx(apart / (2 * values.mean()), abs=1e-9)
