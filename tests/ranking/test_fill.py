"""Boxes are full, and what only fills them is told apart from what is related."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from recommend.articles.article import Access, Article
from recommend.articles.curation import Choice, Curation
from recommend.index.filters import Filters
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom

Fill = Literal["related", "section", "latest", "none"]
QUERY = "story-00"


def box(recommender: Recommender, fill: Fill, floor: float, k: int = 8, **filters: str) -> Answer:
    rules = PolicySettings(fill=fill, floor=floor, hide_duplicates=False)
    answer = recommender.with_settings(policy=rules).answer(QUERY, k, Filters(**filters))  # type: ignore[arg-type]
    assert answer is not None
    return answer


@pytest.fixture
def recommender(newsroom: Newsroom, stories: list[Article]) -> Recommender:
    """Sixty stories of two sections, the last one published first."""
    newsroom.take(*(s.model_copy(update={"section": "World" if n % 3 else "Sport"}) for n, s in enumerate(stories)))
    newsroom.reindex()
    return newsroom.recommender()


@pytest.fixture
def floor(recommender: Recommender) -> float:
    """One that leaves three related stories."""
    scores = [item.score for item in box(recommender, "none", 0.0).items]
    return (scores[2] + scores[3]) / 2


@pytest.mark.parametrize("fill", ["related", "section", "latest"])
def test_what_is_related_comes_first_and_the_rest_says_that_it_only_fills(
    recommender: Recommender, floor: float, fill: Fill
) -> None:
    related = box(recommender, "none", floor)
    assert (len(related.items), related.related) == (3, 3)
    assert "removed by floor" in (related.short or "")
    filled = box(recommender, fill, floor)
    assert (len(filled.items), filled.related, filled.short, filled.fallback) == (8, 3, None, None)
    assert filled.items[:3] == related.items
    assert len({item.id for item in filled.items} - {QUERY}) == 8
    kinds = [(item.section == "Sport", item.reason.kind, item.reason.text) for item in filled.items[3:]]
    same, other = ("section", "More from Sport"), ("similar", "Further reading")
    expected = {
        "related": {(True, *same), (False, *other)},
        "section": {(True, *same)},
        "latest": {(True, "latest", "Latest"), (False, "latest", "Latest")},
    }
    assert set(kinds) <= expected[fill]


def test_the_newest_fill_where_the_section_has_no_more(recommender: Recommender, floor: float) -> None:
    items = box(recommender, "section", floor, k=40).items
    kinds = [item.reason.kind for item in items[3:]]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"section", "latest"}
    assert {item.section for item in items if item.reason.kind == "latest"} == {"World"}
    dates = [item.published_at for item in items if item.reason.kind == "latest" and item.published_at]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("fill", ["related", "section", "latest"])
def test_filters_blocks_takedowns_and_access_hold_for_what_fills(
    newsroom: Newsroom, recommender: Recommender, fill: Fill
) -> None:
    before = [item.id for item in box(recommender, fill, 1.0).items]
    newsroom.store.delete(before[0])
    newsroom.store.curations.put(QUERY, Curation(blocked=(Choice(id=before[1]),)), "editor")
    after = [item.id for item in box(recommender, fill, 1.0).items]
    assert len(after) == 8
    assert not {QUERY, before[0], before[1]} & set(after)
    assert {item.section for item in box(recommender, fill, 1.0, section="World").items} == {"World"}
    paid = [newsroom.store.get(i) for i in after]
    newsroom.take(*(one.model_copy(update={"access": Access.PAID}) for one in paid if one is not None))
    rules = PolicySettings(fill=fill, floor=1.0, readable=2)
    answer = newsroom.recommender().with_settings(policy=rules).answer(QUERY, 5)
    assert answer is not None
    assert (len(answer.items), answer.related) == (5, 0)
    assert sum(item.access == Access.PUBLIC for item in answer.items) >= 2


def test_pins_count_as_related_whatever_their_score(newsroom: Newsroom, recommender: Recommender) -> None:
    newsroom.store.curations.put(QUERY, Curation(pinned=(Choice(id="story-40"),)), "editor")
    answer = box(recommender, "latest", 1.0)
    assert (answer.related, answer.items[0].id, answer.items[0].reason.kind) == (1, "story-40", "pinned")
    assert len(answer.items) == 8


@pytest.mark.parametrize("fill", ["related", "section", "latest"])
def test_the_box_of_a_reader_fills_up_with_nothing_that_was_read(recommender: Recommender, fill: Fill) -> None:
    strict = recommender.with_settings(policy=PolicySettings(fill=fill, floor=1.0))
    answer = strict.answer_history(["story-03", QUERY], 20)
    assert (len(answer.items), answer.related) == (20, 0)
    assert not {"story-03", QUERY} & {item.id for item in answer.items}
    assert "story" not in {item.reason.kind for item in answer.items}


@pytest.mark.parametrize("fill", ["related", "section", "latest"])
def test_neither_the_query_nor_a_story_shown_is_told_twice_by_what_fills(newsroom: Newsroom, fill: Fill) -> None:
    copies = [Article(id=f"copy-{n}", title="Rain floods the harbour", text="Rain " * 40) for n in range(9)]
    newsroom.take(*copies)
    strict = newsroom.recommender().with_settings(policy=PolicySettings(fill=fill, floor=1.0))
    answer = strict.answer("copy-0", 20)
    assert answer is not None
    assert len(answer.items) == 20
    assert not any(item.id.startswith("copy-") for item in answer.items)
