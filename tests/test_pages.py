"""Several boxes on one page: no story twice, the better claim wins, each box stays full."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.articles.card import card_of
from recommend.articles.curation import Choice, Curation
from recommend.index.filters import Filters
from recommend.pages import boxes_of_page
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.page import share_out
from recommend.ranking.reasons import Reason
from recommend.recommender import Recommender

if TYPE_CHECKING:
    from conftest import Newsroom

pytestmark = pytest.mark.databases("sqlite", "pgvector")

IDS = [f"story-{n:02}" for n in range(12)]


@pytest.fixture
def recommender(newsroom: Newsroom, stories: list[Article]) -> Recommender:
    newsroom.take(*stories)
    newsroom.reindex()
    return newsroom.recommender()


def shown(boxes: list[Answer]) -> list[str]:
    return [item.id for box in boxes for item in box.items]


def test_no_story_is_twice_on_a_page_and_each_box_stays_full(recommender: Recommender) -> None:
    alone = [recommender.answer(one, 4) for one in IDS]
    boxes = boxes_of_page(recommender, IDS, 4)
    ids = shown(boxes)
    assert len({*shown([box for box in alone if box])}) < 48  # several boxes want the same stories
    assert [box.article_id for box in boxes] == IDS
    assert [len(box.items) for box in boxes] == [4] * 12
    assert len({*ids}) == len(ids)
    assert not {*ids} & {*IDS}


def test_a_story_stands_where_its_score_is_highest(recommender: Recommender) -> None:
    boxes = boxes_of_page(recommender, IDS, 3)
    for box in boxes:
        lowest = min(item.score for item in box.items)
        own = recommender.answer(str(box.article_id), 40)
        assert own is not None
        wanted = {item.id: item.score for item in own.items if item.score > lowest and item.id not in IDS}
        for other in boxes:
            better = [item for item in other.items if item.id in wanted and other is not box]
            assert all(item.score >= wanted[item.id] for item in better)


def test_what_the_page_shows_elsewhere_is_in_no_box(recommender: Recommender) -> None:
    first = shown(boxes_of_page(recommender, IDS, 2))
    again = boxes_of_page(recommender, IDS, 2, Filters(exclude=frozenset(first)))
    assert not {*shown(again)} & {*first}
    assert len(shown(again)) == 24


def test_one_article_of_a_duplicate_group_counts_for_all(newsroom: Newsroom, stories: list[Article]) -> None:
    twins = [story.model_copy(update={"id": f"twin-{story.id}"}) for story in stories]
    newsroom.take(*stories, *twins)
    newsroom.reindex()
    recommender = newsroom.recommender()
    ids = shown(boxes_of_page(recommender, IDS, 4))
    told = [one.removeprefix("twin-") for one in ids]
    assert len({*told}) == len(told)
    assert not {*told} & {*IDS}


def test_a_pin_is_a_better_claim_than_any_score_and_the_first_of_two_holds(
    newsroom: Newsroom, recommender: Recommender
) -> None:
    wanted = shown(boxes_of_page(recommender, IDS[:1], 1))[0]
    for one in IDS[3:5]:
        newsroom.store.curations.put(one, Curation(pinned=(Choice(id=wanted),)), "editor")
    boxes = boxes_of_page(newsroom.recommender(), IDS[:5], 3)
    assert [wanted in {item.id for item in box.items} for box in boxes] == [False, False, False, True, False]


def test_under_an_unknown_article_stand_the_newest_that_no_other_box_shows(recommender: Recommender) -> None:
    known, unknown = boxes_of_page(recommender, [IDS[0], "unheard-of"], 5)
    assert unknown.fallback == "latest"
    assert len({*shown([known, unknown])}) == 10


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True), min_size=1, max_size=6), st.data())
def test_whatever_boxes_want_a_page_shows_no_story_twice(wishes: list[list[int]], data: st.DataObject) -> None:
    scores = data.draw(st.lists(st.floats(0, 1), min_size=60, max_size=60))

    def item(number: int, story: int, rank: int) -> Recommendation:
        card = asdict(card_of(Article(id=str(story), title="Title")))
        return Recommendation(**card, score=scores[number * 10 + story], rank=rank, reason=Reason("topic", ""))

    def ask(number: int, without: Collection[int]) -> Answer:
        left = [one for one in wishes[number] if one not in without]
        ordered = sorted(left, key=lambda one: -scores[number * 10 + one])[:3]
        items = [item(number, story, rank) for rank, story in enumerate(ordered, 1)]
        return Answer(str(number), "snapshot", 1, None, len(items), items, None)

    told = shown(share_out(len(wishes), ask, int, {9}))
    assert len({*told}) == len(told)
    assert "9" not in told
