from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from click_logs import Readers, arms_log
from recommend.articles.events import Event
from recommend.evaluation.clicks import click_rate, click_through, co_clicks, qrels_from_clicks
from recommend.evaluation.impressions import ImpressionLog, impression_log

EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["impression", "click"]),
        article_id=st.sampled_from("ab"),
        item_id=st.sampled_from("cde"),
        position=st.integers(1, 8),
        variant=st.sampled_from([None, "x", "y"]),
        impression=st.sampled_from([None, "i", "j"]),
        view=st.sampled_from("vw"),
    ),
    max_size=40,
)


def event(kind: str, item: str = "b", view: str = "v", **fields: object) -> Event:
    given = {"kind": kind, "article_id": "a", "item_id": item, "position": 1, "impression": "i", "view": view}
    return Event.model_validate({**given, **fields})


def by_arm(log: ImpressionLog, k: int = 50) -> dict[str, tuple[int, int]]:
    found = click_through(log, log.arms, log.arm, k=k)
    return {arm: (one.clicks, one.seen) for arm, one in found.items()}


def test_clicks_count_once_a_look_and_only_on_what_was_seen_in_it() -> None:
    log = impression_log(
        [event("impression"), *[event("click")] * 50, event("impression", view="w"), event("click", "c"),
         event("click", view="x"), event("click", impression=None)]
    )  # fmt: skip
    assert by_arm(log) == {"": (1, 2)}
    assert (log.unsigned, log.unseen_clicks) == (1, 2)
    assert qrels_from_clicks(log, 1) == {"a": {"b": 1}}
    assert qrels_from_clicks(log, 2) == {}


def test_what_one_look_saw_was_in_every_look_at_the_same_answer() -> None:
    log = impression_log([event("impression"), event("impression", "c", view="w", position=2)])
    seen = {(log.items[i], int(view)): bool(s) for i, view, s in zip(log.item, log.view, log.seen, strict=True)}
    assert seen == {("b", 0): True, ("c", 0): False, ("b", 1): False, ("c", 1): True}
    table = log.to_arrow()
    assert table.column("item").to_pylist() == [log.items[i] for i in log.item]


def test_only_the_first_k_positions_count_and_each_arm_by_itself() -> None:
    log = impression_log(
        [event("impression", str(n), f"v{n}", position=1 + n % 3, variant="x" if n < 6 else None, impression=f"i{n}")
         for n in range(9)]
    )  # fmt: skip
    assert by_arm(log) == {"x": (0, 6), "": (0, 3)}
    assert by_arm(log, k=2) == {"x": (0, 4), "": (0, 2)}


def test_intervals_over_readers_hold_the_truth_and_those_of_few_clicks_do_as_well() -> None:
    for rate, readers in ((0.1, 120), (0.01, 40)):
        held = []
        for seed in range(150):
            log = arms_log(seed, readers, {"a": rate})
            one = click_through(log, log.arms, log.arm)["a"]
            held.append(one.low <= rate <= one.high)
            assert one.effective <= one.seen
        assert np.mean(held) >= 0.9, rate


def test_independent_impressions_have_the_interval_of_wilson_but_for_the_degrees_of_freedom() -> None:
    chance = np.random.default_rng(1)
    clicked = chance.random(20_000) < 0.2
    found = click_rate(clicked, np.arange(20_000))
    z, n, p = 1.959964, 20_000, clicked.mean()
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found.low, found.high) == pytest.approx(
        ((centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)), rel=1e-3
    )


def test_nothing_seen_tells_nothing_and_no_clicks_tell_little() -> None:
    nothing = click_rate(np.zeros(0, bool), np.zeros(0, int))
    assert (nothing.seen, nothing.low, nothing.high) == (0, 0.0, 1.0)
    none = click_rate(np.zeros(1_000, bool), np.repeat(np.arange(10), 100))
    assert none.low == pytest.approx(0.0, abs=1e-9)
    assert none.high > 0.2
    alone = click_rate(np.arange(100) < 10, np.zeros(100, int))
    assert alone.high - alone.low > 0.6


def test_sections_are_those_of_the_article_under_which_the_box_stood() -> None:
    log = Readers.drawn(1, 4).log(200)
    names, codes = log.sections({"a0": "World", "a1": "World", "a2": "Sport"})
    found = click_through(log, names, codes, by="impression")
    assert sorted(found) == ["", "Sport", "World"]
    assert sum(one.seen for one in found.values()) == len(log)


def test_items_that_readers_click_together_are_pairs_both_ways() -> None:
    told = [
        event(kind, item, f"{unit}{number}", unit=unit, impression=f"i{item}")
        for unit in "rs"
        for number, item in enumerate("xyz" if unit == "r" else "xy")
        for kind in ("impression", "click")
    ]
    log = impression_log(told)
    assert co_clicks(log, 2) == {"x": {"y": 1}, "y": {"x": 1}}
    assert co_clicks(log, 1)["z"] == {"x": 1, "y": 1}
    assert co_clicks(impression_log(one.model_copy(update={"unit": None}) for one in told), 1) == {}


@given(EVENTS, st.integers(1, 8))
def test_a_rate_lies_within_its_interval_and_every_joined_event_in_reach_is_counted(log: list[Event], k: int) -> None:
    arrays = impression_log(log)
    found = click_through(arrays, arrays.arms, arrays.arm, "view", k)
    for one in found.values():
        assert 0 <= one.low <= one.rate <= one.high <= 1
        assert one.clicks <= one.seen
    seen = {(one.impression, one.view, one.item_id) for one in log if one.kind == "impression" and one.impression}
    assert int(arrays.seen.sum()) == len(seen)


@given(EVENTS, st.integers(1, 3))
def test_a_pair_is_judged_related_exactly_when_it_was_clicked_in_enough_looks(log: list[Event], least: int) -> None:
    arrays = impression_log(log)
    pairs = [(arrays.articles[a], arrays.items[i]) for a, i in
             zip(arrays.article[arrays.clicked], arrays.item[arrays.clicked], strict=True)]  # fmt: skip
    found = qrels_from_clicks(arrays, least)
    assert {(q, d) for q, grades in found.items() for d in grades} == {p for p in pairs if pairs.count(p) >= least}
