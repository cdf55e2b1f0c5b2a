from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.events import Event
from recommend.evaluation.clicks import ClickThrough, click_through, qrels_from_clicks

EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["impression", "click"]),
        article_id=st.sampled_from("ab"),
        item_id=st.sampled_from("cde"),
        position=st.integers(1, 8),
        variant=st.sampled_from([None, "x", "y"]),
    ),
    max_size=40,
)


def events(kind: str, count: int, position: int = 1, variant: str | None = None) -> list[Event]:
    fields = {"kind": kind, "article_id": "a", "item_id": "b", "position": position, "variant": variant}
    return [Event.model_validate(fields)] * count


def test_click_through_is_clicks_per_impression_with_the_interval_of_wilson() -> None:
    found = click_through([*events("impression", 10), *events("click", 2)])[None]
    assert (found.impressions, found.clicks, found.rate) == (10, 2, 0.2)
    z, n, p = 1.959964, 10, 0.2
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found.low, found.high) == pytest.approx(
        ((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n))
    )


def test_only_the_first_k_positions_count_and_each_variant_by_itself() -> None:
    log = [
        *events("impression", 4, position=2, variant="x"),
        *events("click", 1, position=2, variant="x"),
        *events("click", 3, position=3, variant="x"),
        *events("impression", 5, position=1),
    ]
    found = click_through(log, k=2)
    assert {variant: (one.clicks, one.impressions) for variant, one in found.items()} == {None: (0, 5), "x": (1, 4)}


def test_clicks_without_impressions_tell_no_rate_and_more_clicks_than_impressions_are_no_more_than_all() -> None:
    assert click_through(events("click", 3))[None] == ClickThrough(0, 3, 0.0, 0.0, 1.0)
    assert click_through([*events("click", 3), *events("impression", 2)])[None].rate == 1.0
    assert click_through([]) == {}


@given(EVENTS, st.integers(1, 8))
def test_a_rate_lies_within_its_interval_and_every_event_in_reach_is_counted(log: list[Event], k: int) -> None:
    found = click_through(log, k)
    for one in found.values():
        assert 0 <= one.low <= one.rate <= one.high <= 1
    assert sum(one.clicks + one.impressions for one in found.values()) == sum(event.position <= k for event in log)


@given(EVENTS, st.integers(1, 4))
def test_a_pair_is_judged_related_exactly_when_it_was_clicked_often_enough(log: list[Event], least: int) -> None:
    clicked = [(event.article_id, event.item_id) for event in log if event.kind == "click"]
    found = qrels_from_clicks(log, least)
    assert {(query, document) for query, grades in found.items() for document in grades} == {
        pair for pair in clicked if clicked.count(pair) >= least
    }
    assert all(grade == 1 for grades in found.values() for grade in grades.values())
