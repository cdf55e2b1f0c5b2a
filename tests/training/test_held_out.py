"""What training is judged by: which articles it does not see, and what it takes to be called worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recommend.articles.article import Article
from recommend.errors import EvaluationError
from recommend.training.card import Card
from recommend.training.held_out import Division, Verdict, held_out_queries

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def dated(count: int) -> list[Article]:
    return [Article(id=str(i), title="News", published_at=DAY + timedelta(days=i)) for i in range(count)]


def test_a_day_divides_and_articles_without_a_date_are_learned_from() -> None:
    division = Division.at([*dated(10), Article(id="undated", title="News")], DAY + timedelta(days=7))
    assert division.later == {"7": 7, "8": 8, "9": 9}
    assert division.earlier.keys() == {*map(str, range(7)), "undated"}


def test_a_day_without_a_zone_is_one_of_utc() -> None:
    assert Division.at(dated(10), datetime(2024, 1, 6)).day == DAY + timedelta(days=5)


def test_a_fifth_is_held_out_where_no_day_is_given() -> None:
    assert Division.at(dated(100), None).later.keys() == set(map(str, range(80, 100)))


@pytest.mark.parametrize(("count", "day"), [(5, DAY), (5, DAY + timedelta(days=9)), (1, None)])
def test_a_day_that_does_not_divide_is_refused(count: int, day: datetime | None) -> None:
    with pytest.raises(EvaluationError, match="all dated articles lie on one side of it"):
        Division.at(dated(count), day)


def test_articles_without_dates_cannot_be_divided() -> None:
    with pytest.raises(EvaluationError, match="none of the articles has a date"):
        Division.at([Article(id="a", title="News")], None)


def test_held_out_queries_are_later_ones_with_a_related_article_beside_them() -> None:
    judged = {"a": {"b": 2, "x": 2}, "b": {"a": 0}, "c": {"x": 1}, "d": {"a": 1, "c": -1}, "early": {"a": 3}}
    found = held_out_queries(judged, ["a", "b", "c", "d"], ["a", "b", "c", "d", "early"], seed=0)
    assert found == {"a": {"b": 2}, "d": {"a": 1, "c": -1}}
    with pytest.raises(EvaluationError, match="no held-out article has a judged one beside it"):
        held_out_queries(judged, ["b", "c"], ["a", "b", "c"], seed=0)


def test_of_many_queries_five_hundred_are_drawn_by_the_seed() -> None:
    judged = {str(i): {str(i + 1): 1} for i in range(2000)}
    among = [str(i) for i in range(2001)]
    first, again, other = (held_out_queries(judged, among, among, seed) for seed in (1, 1, 2))
    assert len(first) == len(other) == 500
    assert first == again != other


def verdict(nothing: float, in_use: float, learned: float) -> Verdict:
    first, second, third = ({"a": level, "b": level} for level in (nothing, in_use, learned))
    return Verdict.of(first, second, third, DAY)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ((0.4, 0.5, 0.6), None),
        ((0.4, 0.5, 0.5), None),
        ((0.4, 0.5, 0.45), "nDCG@10 0.4500 < 0.5000 with what is in use"),
        ((0.6, 0.5, 0.55), "nDCG@10 0.5500 < 0.6000 with nothing"),
    ],
)
def test_what_finds_less_than_what_is_in_use_or_than_nothing_is_worse(
    levels: tuple[float, float, float], reason: str | None
) -> None:
    assert verdict(*levels).worse == reason


def card(verdict: Verdict) -> Card:
    return Card(
        "ours", "A map.", "a.jsonl", {"steps": 20, "seed": 1}, 10, verdict, 'encoder.adapter = "ours"', {"x": "0.25"}
    )


def test_a_card_says_what_was_learned_how_good_it_is_and_how_to_use_it() -> None:
    text = card(verdict(0.4, 0.5, 0.6)).text()
    assert text.startswith("# ours\n\nA map.\n\n- **Learned from** a.jsonl.\n")
    assert "steps 20, seed 1; step 10 was kept" in text
    assert '`encoder.adapter = "ours"` in recommend.toml, and by nothing else' in text
    assert "**Set by hand**, not learned: `x` (0.25)." in text
    assert (
        "| nothing | 0.4000 |\n| what was in use | 0.5000 |\n| this | 0.6000 (+0.1000, 95 % +0.1000 … +0.1000) |"
        in text
    )
    assert "worse" not in text


def test_a_card_of_what_is_worse_says_so_first() -> None:
    text = replace(card(verdict(0.4, 0.5, 0.3)), by_hand={}).text()
    assert text.split("\n\n")[2].startswith("**It is worse**: nDCG@10 0.3000 < 0.5000 with what is in use.")
    assert "by hand" not in text
