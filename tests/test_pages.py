"""Several boxes on one page: no story twice, the better claim wins, each box stays full."""

from __future__ import annotations

from collections.abc import Callable, Collection
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


Wishes = dict[int, float]
"""What a box may show: by story, the score."""

SCORES = st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.6, 0.9])
PAGES = st.lists(st.dictionaries(st.integers(0, 15), SCORES, max_size=16), min_size=1, max_size=8)


def asking(
    wishes: list[Wishes], asked: list[int] | None = None, k: int = 3
) -> Callable[[int, Collection[int]], Answer]:
    """Boxes of k in which what scores .5 or more is related, and the rest fills."""

    def ask(number: int, without: Collection[int]) -> Answer:
        if asked is not None:
            asked.append(number)
        left = {one: score for one, score in wishes[number].items() if one not in without}
        ordered = sorted(left, key=lambda one: (-left[one], one))[:k]
        cards = [asdict(card_of(Article(id=str(one), title="Title"))) for one in ordered]
        items = [
            Recommendation(**card, score=left[one], rank=rank, reason=Reason("topic", ""))
            for rank, (one, card) in enumerate(zip(ordered, cards, strict=True), 1)
        ]
        related = sum(item.score >= 0.5 for item in items)
        return Answer(str(number), "snapshot", 1, None, related, items, None)

    return ask


@given(PAGES)
def test_whatever_boxes_want_a_page_shows_no_story_twice_and_asks_a_bounded_number_of_times(
    wishes: list[Wishes],
) -> None:
    asked: list[int] = []
    boxes = share_out(len(wishes), asking(wishes, asked), int, {9})
    told = shown(boxes)
    assert len({*told}) == len(told)
    assert "9" not in told
    assert len(asked) <= 18 * len(wishes)
    assert boxes == share_out(len(wishes), asking(wishes), int, {9})


@given(PAGES)
def test_nothing_fills_a_box_that_is_related_in_another_where_a_filler_stands(wishes: list[Wishes]) -> None:
    boxes = share_out(len(wishes), asking(wishes), int, ())
    roomy = [number for number, box in enumerate(boxes) if box.related < 3]
    for box in boxes:
        for item in box.items[box.related :]:
            assert all(wishes[number].get(int(item.id), 0.0) < 0.5 for number in roomy)


@given(PAGES)
def test_what_is_related_in_several_boxes_stands_where_its_score_is_highest(wishes: list[Wishes]) -> None:
    boxes = share_out(len(wishes), asking(wishes), int, ())
    for number, box in enumerate(boxes):
        for item in box.items[: box.related]:
            for other, there in enumerate(boxes):
                score = wishes[other].get(int(item.id), 0.0)
                if (score, -other) > (item.score, -number):  # it has no room for it
                    assert there.related == 3
                    assert all(one.score >= score for one in there.items)


@given(PAGES)
def test_each_box_stays_full_while_there_are_stories_enough_for_all(wishes: list[Wishes]) -> None:
    enough = [dict.fromkeys(range(100, 100 + 3 * len(wishes)), 0.0) | one for one in wishes]
    assert all(len(box.items) == 3 for box in share_out(len(enough), asking(enough), int, ()))


def test_a_story_that_is_related_to_a_later_box_does_not_fill_an_earlier_one() -> None:
    fillers = dict.fromkeys(range(10, 30), 0.3)
    crowd = [dict.fromkeys(range(6), 0.1) | fillers] * 7
    boxes = share_out(8, asking([*crowd, dict.fromkeys(range(3), 0.9)]), int, ())
    assert [box.related for box in boxes] == [0] * 7 + [3]
