"""Which stories boxes lead to."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article
from recommend.articles.curation import Curation
from recommend.encoder import Encoder
from recommend.evaluation.exposure import Exposure, distances, exposure
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom


@pytest.fixture
def recommender(newsroom: Newsroom, stories: list[Article]) -> Recommender:
    newsroom.take(*stories)
    newsroom.reindex()
    return newsroom.recommender()


@pytest.fixture
def told(recommender: Recommender) -> Exposure:
    return exposure(recommender, 3, front=4, clicks=2)


def test_every_article_is_counted_as_often_as_boxes_show_it(recommender: Recommender, told: Exposure) -> None:
    boxes = {one.id: recommender.related(one.id, 3) for one in told.articles}
    shown = Counter(item.id for items in boxes.values() for item in items)
    assert {one.id: one.boxes for one in told.articles} == {one: shown[one] for one in boxes}
    assert {one.id for one in told.in_no_box} == boxes.keys() - shown.keys()
    assert told.in_no_box
    assert told.most_linked(1)[0].boxes == max(shown.values())
    assert 0 < told.gini < 1


def test_groups_hold_every_article_once_for_each_facet(told: Exposure) -> None:
    sums: Counter[str] = Counter()
    for facet, _, group in told.groups():
        sums[facet] += group.articles
        assert group.in_no_box <= group.articles
    assert sums == {"section": 60, "month": 60, "language": 60}


def test_what_cannot_be_reached_in_so_many_clicks_is_told(recommender: Recommender, told: Exposure) -> None:
    front = [item.id for item in recommender.listing.latest(4)]
    first = {item.id for one in front for item in recommender.related(one, 3)}
    second = {item.id for one in first for item in recommender.related(one, 3)}
    assert {one.id for one in told.unreached} == {a.id for a in told.articles} - {*front} - first - second


def test_distances_are_those_of_the_shortest_way() -> None:
    links = {"a": ["b", "c"], "b": ["d"], "c": ["d", "a"], "d": ["e"], "x": ["a"]}
    assert distances(links, ["a"]) == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 3}
    assert distances(links, []) == {}


def test_the_table_has_a_row_for_each_article(told: Exposure) -> None:
    assert told.table().num_rows == 60
    assert told.table().column("boxes").to_pylist() == [one.boxes for one in told.articles]


def test_what_policy_keeps_out_of_boxes_is_counted_apart_with_its_reason(
    indexed: tuple[Settings, Store], encoder: Encoder, corpus: list[Article]
) -> None:
    told = exposure(Recommender(indexed[1], indexed[0], encoder), 5)
    genres = {article.id: article.genre for article in corpus}
    boxes = {one.id: one.boxes for one in told.articles}
    hidden = [one for one in told.in_no_box if one.hidden]
    copies = [one for one in told.in_no_box if one.copy_of]
    assert {one.id for one in hidden} >= {one.id for one in told.in_no_box if genres[one.id] == "letters"}
    assert all((one.hidden, one.reason) == (genres[one.id], f"policy hides {one.hidden} under news") for one in hidden)
    assert any("-wire-" in one.id for one in copies)
    assert all(boxes[str(one.copy_of)] and one.reason == f"copy of {one.copy_of}" for one in copies)
    assert told.by_policy == [one for one in told.in_no_box if one in hidden or one in copies]
    assert not any(one.by_policy for one in told.articles if one.boxes)


def test_what_may_not_be_shown_counts_as_left_out_of_no_box(newsroom: Newsroom, stories: list[Article]) -> None:
    moment = datetime.now(UTC)
    over = stories[0].model_copy(update={"id": "over", "expires_at": moment - timedelta(days=1)})
    early = stories[1].model_copy(update={"id": "early", "published_at": moment + timedelta(days=1)})
    newsroom.take(over, early)
    newsroom.reindex()
    newsroom.store.curations.put("story-02", Curation(hidden_until=moment + timedelta(days=1)), "editor")
    told = exposure(newsroom.recommender(), 3)
    assert {one.id for one in stories} - {one.id for one in told.articles} == {"story-02"}
    assert len(told.articles) == 59


def test_months_come_in_order_of_time(told: Exposure) -> None:
    months = [value for facet, value, _ in told.groups() if facet == "month"]
    assert months == sorted(months, reverse=True)
