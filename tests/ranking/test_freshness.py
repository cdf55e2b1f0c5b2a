"""Freshness re-orders and limits, and leaves scores as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.index.filters import Filters
from recommend.index.lists import LISTED
from recommend.ranking import freshness
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom

QUERY, NOON = "story-00", datetime(2025, 6, 1, 12, tzinfo=UTC)
DATES = {f"story-{n:02}": NOON + timedelta(days=(n * 37) % 400 - 300) for n in range(60)} | {QUERY: NOON}
AGELESS, UNDATED = "story-06", "story-12"
AGES = st.floats(0, 1e5) | st.just(np.nan)


@given(st.lists(AGES, max_size=8), st.floats(0.5, 1e4), st.floats(0, 400))
def test_half_is_left_whenever_a_half_life_has_passed_after_the_offset(
    ages: list[float], half_life: float, offset: float
) -> None:
    halves = np.full(len(ages), half_life)
    left = freshness.decay(np.array(ages), halves, offset)
    assert all(value == 1.0 for age, value in zip(ages, left, strict=True) if not age > offset)
    known = np.nan_to_num(np.maximum(np.array(ages), offset), nan=offset)
    half = freshness.decay(known, halves, offset) / 2
    assert freshness.decay(known + half_life, halves, offset) == pytest.approx(half, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1)), max_size=40), st.floats(0, 1, width=32))
def test_the_related_come_first_and_among_them_what_is_worth_most_with_its_age(
    pairs: list[tuple[float, float]], floor: float
) -> None:
    probabilities = -np.sort(-np.array([one for one, _ in pairs], np.float32))
    left = np.array([one for _, one in pairs])
    order = freshness.order(probabilities, probabilities * left, floor).tolist()
    assert sorted(order) == [*range(len(pairs))]
    assert order[LISTED:] == [*range(LISTED, len(pairs))]
    moved = [(bool(probabilities[i] < floor), -float(probabilities[i]) * float(left[i])) for i in order[:LISTED]]
    assert moved == sorted(moved)
    assert freshness.order(probabilities, probabilities * np.ones(len(pairs)), floor).tolist() == [*range(len(pairs))]


@pytest.fixture
def recommender(newsroom: Newsroom, stories: list[Article]) -> Recommender:
    """Sixty stories of 400 days, one without a date, one that stays of use."""
    newsroom.take(*map(dated, stories))
    newsroom.reindex()
    return newsroom.recommender()


def dated(story: Article) -> Article:
    published = None if story.id == UNDATED else DATES[story.id]
    return story.model_copy(update={"published_at": published, "evergreen": story.id == AGELESS})


def box(recommender: Recommender, k: int = 10, prefer: Any = None, **rules: Any) -> Answer:
    given = PolicySettings.model_validate({"hide_duplicates": False, "floor": 0.0, **rules})
    answer = recommender.with_settings(policy=given).answer(QUERY, k, Filters(prefer=prefer))
    assert answer is not None
    return answer


def days(one: Any) -> float:
    return 0.0 if one.evergreen or one.published_at is None else abs((one.published_at - NOON).total_seconds()) / 86_400


def worth_of(item: Any) -> float:
    return float(item.score * 0.5 ** (max(days(item) - 5, 0) / 20))


@pytest.mark.parametrize("k", [5, 10, 40])
def test_off_and_any_give_what_the_scores_say(recommender: Recommender, k: int) -> None:
    plain = box(recommender, k)
    assert [item.score for item in plain.items] == sorted((item.score for item in plain.items), reverse=True)
    for other in (box(recommender, k, "any"), box(recommender, k, "any", freshness="near")):
        assert other == plain
    switched = box(recommender, k, "near", on=False)
    assert switched == box(recommender, k, on=False)


@pytest.mark.parametrize("rules", [{}, {"hide_duplicates": True}, {"readable": 2}], ids=str)
def test_near_orders_the_best_by_score_and_distance_in_time(recommender: Recommender, rules: dict[str, Any]) -> None:
    scores = {item.id: item.score for item in box(recommender, LISTED, **rules).items}
    near = box(recommender, 10, freshness="near", freshness_half_life=20, freshness_offset=5, **rules)
    assert len(near.items) == 10
    assert {item.id: item.score for item in near.items}.items() <= scores.items()
    worth = [worth_of(item) for item in near.items]
    assert worth == pytest.approx(sorted(worth, reverse=True), abs=2e-4)
    assert [item.id for item in near.items] != [*scores][:10]
    rest = recommender.view().snapshot.segment.table
    others = [rest.card(row) for row in map(rest.row, scores.keys() - {i.id for i in near.items}) if row is not None]
    assert all(scores[one.id] * 0.5 ** (max(days(one) - 5, 0) / 20) <= worth[-1] + 2e-4 for one in others)


def test_fresh_counts_from_today_and_a_section_has_its_own_half_life(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.recommender.time.time", (NOON + timedelta(days=200)).timestamp)
    fresh = box(recommender, 10, "fresh", freshness_half_life=0.5, freshness_offset=0)
    dates = [item.published_at for item in fresh.items if item.published_at and not item.evergreen]
    assert dates == sorted(dates, reverse=True)
    assert {item.id for item in fresh.items[:2]} == {AGELESS, UNDATED}
    slow = {f"section {n}": 1e9 for n in range(6)}
    assert box(recommender, 10, "fresh", freshness_sections=slow).items == box(recommender, 10).items


def test_as_many_are_related_as_without_and_they_stand_first(recommender: Recommender) -> None:
    floor = sorted((item.score for item in box(recommender, LISTED).items), reverse=True)[6] - 1e-6
    for fill in ("related", "section", "none"):
        plain, near = (
            box(recommender, 10, one, floor=floor, fill=fill, freshness_half_life=1) for one in (None, "near")
        )
        assert (near.related, len(near.items), near.short) == (plain.related, len(plain.items), plain.short)
        assert {i.id for i in near.items[: near.related]} == {i.id for i in plain.items[: plain.related]}


def test_what_is_older_than_its_section_allows_is_not_shown_and_the_box_is_full(recommender: Recommender) -> None:
    limited = box(recommender, 12, max_age={"*": 30, "section 0": 90})
    assert len(limited.items) == 12
    for item in limited.items:
        allowed = 90 if item.section == "section 0" else 30
        assert item.evergreen or item.published_at is None or item.published_at >= NOON - timedelta(days=allowed)
    shown = {item.id for item in box(recommender, 59, max_age={"*": 0}).items}
    assert shown == ({AGELESS, UNDATED} | {one for one, date in DATES.items() if date >= NOON}) - {QUERY}
    answer = recommender.with_settings(policy=PolicySettings(max_age={"*": 30})).answer(QUERY, 3, explain=True)
    assert answer is not None
    assert "older than policy.max_age allows under this story" in {miss.why for miss in answer.near_misses or []}


def test_a_near_miss_says_that_it_gave_way(recommender: Recommender) -> None:
    rules = PolicySettings(freshness="near", freshness_half_life=5, hide_duplicates=False)
    answer = recommender.with_settings(policy=rules).answer(QUERY, 3, explain=True)
    assert answer is not None
    assert "gives way to a fresher one" in {miss.why for miss in answer.near_misses or []}


def test_diversity_weighs_age_too(recommender: Recommender) -> None:
    plain, near = (box(recommender, 10, one, diversity=0.2, freshness_half_life=10) for one in (None, "near"))
    assert len(near.items) == 10
    assert sum(map(days, near.items)) < sum(map(days, plain.items))


def test_changes_drafts_histories_and_batches_follow_the_same_order(
    newsroom: Newsroom, recommender: Recommender, stories: list[Article]
) -> None:
    rules = PolicySettings(
        freshness="near", freshness_half_life=20, freshness_offset=5, hide_duplicates=False, floor=0.0
    )
    preferring = recommender.with_settings(policy=rules)

    def order(answer: Answer | None) -> list[str]:
        assert answer is not None
        worth = [worth_of(item) for item in answer.items]
        assert worth == pytest.approx(sorted(worth, reverse=True), abs=2e-4)
        return [item.id for item in answer.items]

    wanted, plain = order(preferring.answer(QUERY, 8)), {item.id for item in recommender.related(QUERY, 8)}
    for other in (preferring.answer_to(dated(stories[0]), 8), preferring.answer_history([QUERY], 8)):
        assert len(order(other)) == 8
        assert {item.id for item in other.items} != plain
    assert [order(one) for one in preferring.answers([QUERY], 8)] == [wanted]
    moved = dated(stories[int(wanted[0][-2:])]).model_copy(update={"published_at": NOON - timedelta(days=2_000)})
    newsroom.take(moved)
    assert order(preferring.answer(QUERY, 8))[0] != wanted[0]
    newsroom.take(dated(stories[int(wanted[0][-2:])]))
    assert order(preferring.answer(QUERY, 8)) == wanted


def test_under_a_query_without_a_date_ages_count_from_today(
    newsroom: Newsroom, recommender: Recommender, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.take(stories[0])
    monkeypatch.setattr("recommend.recommender.time.time", (NOON + timedelta(days=200)).timestamp)
    near, fresh = (box(recommender, 10, one, freshness_half_life=20) for one in ("near", "fresh"))
    assert near.items == fresh.items
