"""What readers clicked most stands in where nothing is related."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Access, Article
from recommend.articles.curation import Choice, Curation
from recommend.index.filters import Filters
from recommend.ranking.popular import most_clicked
from recommend.recommender import Recommender
from recommend.stand_ins import latest_answer, popular_answer

if TYPE_CHECKING:
    from conftest import Newsroom


@pytest.fixture
def recommender(newsroom: Newsroom, stories: list[Article]) -> Recommender:
    newsroom.take(*stories)
    newsroom.reindex()
    return newsroom.recommender()


def test_a_click_counts_half_after_two_days_and_ties_go_by_id() -> None:
    assert most_clicked([("old", 4.0, 60), ("new", 0.0, 16), ("b", 2.0, 24), ("a", 0.0, 12)]) == [
        "new",
        "old",
        "a",
        "b",
    ]


def test_too_few_clicks_name_nothing_popular_nor_does_one_click_one_article() -> None:
    assert most_clicked([("a", 0.0, 19)]) == []
    assert most_clicked([("a", 0.0, 30), ("b", 0.0, 1)]) == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 14), st.integers(1, 50))))
def test_the_order_of_what_was_counted_does_not_matter(clicks: list[tuple[str, float, int]]) -> None:
    whole = [(one, float(round(age)), count) for one, age, count in clicks]
    assert most_clicked(whole) == most_clicked(sorted(whole))


def test_popular_articles_of_the_own_section_come_first_then_others_then_the_newest(recommender: Recommender) -> None:
    answer = popular_answer(recommender, "story-00", 5, ["story-01", "story-06", "unheard-of", "story-00", "story-12"])
    assert [item.id for item in answer.items[:3]] == ["story-06", "story-12", "story-01"]
    assert [item.reason.kind for item in answer.items] == ["popular"] * 3 + ["latest"] * 2
    assert (answer.fallback, answer.related, len({item.id for item in answer.items})) == ("popular", 0, 5)


def test_what_may_not_be_shown_is_not_popular(newsroom: Newsroom, recommender: Recommender) -> None:
    newsroom.store.curations.put("story-00", Curation(blocked=(Choice(id="story-06"),)), "editor")
    newsroom.store.delete("story-12")
    answer = popular_answer(newsroom.recommender(), "story-00", 5, ["story-06", "story-12", "story-18"])
    assert [item.id for item in answer.items if item.reason.kind == "popular"] == ["story-18"]
    narrowed = Filters(access=frozenset({Access.PAID}))
    assert popular_answer(recommender, "story-00", 5, ["story-18"], narrowed).items == []


def test_where_nothing_is_popular_it_is_the_box_of_the_newest(recommender: Recommender) -> None:
    assert popular_answer(recommender, "story-00", 5, []) == latest_answer(recommender, "story-00", 5)
