from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from recommend.articles.card import CARD_FIELDS
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.arrangement import exchanged, interleaved
from recommend.ranking.reasons import Reason

CARD: dict[str, Any] = dict.fromkeys(CARD_FIELDS)


def item(name: str, kind: str = "story") -> Recommendation:
    reason = Reason(kind, "", [])  # type: ignore[arg-type]
    return Recommendation(**{**CARD, "id": name, "title": name}, score=0.5, rank=1, reason=reason)


def answer(names: str, related: int, pins: int = 0) -> Answer:
    items = [replace(item(name, "pinned" if i < pins else "story"), rank=i + 1) for i, name in enumerate(names)]
    return Answer("a", "s", 1, None, related, items, None)


def shown(one: Answer) -> str:
    assert [entry.rank for entry in one.items] == list(range(1, len(one.items) + 1))
    return "".join(entry.id for entry in one.items)


def test_a_share_of_boxes_has_one_pair_of_neighbours_exchanged_and_each_pair_as_often() -> None:
    counts = Counter[str]()
    for n in range(4_000):
        found, swap = exchanged(answer("pbcdez", 5, pins=1), 0.3, f"{n}".encode())
        assert (swap.first, swap.last, swap.share) == (2, 5, 0.3)
        order = shown(found)
        assert "".join(order[swap.base(i) - 1] for i in range(1, 7)) == "pbcdez"
        counts[order] += 1
    assert counts.keys() == {"pbcdez", "pcbdez", "pbdcez", "pbcedz"}
    assert counts["pbcdez"] == pytest.approx(2_800, abs=150)
    for order in ("pcbdez", "pbdcez", "pbcedz"):
        assert counts[order] == pytest.approx(400, abs=90)


def test_a_pin_between_others_stays_where_it_is() -> None:
    first = answer("bcpdz", 4)
    first.items[2] = replace(item("p", "pinned"), rank=3)
    found, swap = exchanged(first, 1.0, b"x")
    assert (shown(found), swap.chances(1)) == ("bcpdz", (0.0, 0.0))
    for n in range(50):
        both, teams = interleaved(first, answer("xcpyw", 4), 5, f"{n}".encode())
        assert (len(shown(both)), shown(both)[2], teams[2]) == (5, "p", 0)


@pytest.mark.parametrize(("names", "related", "pins"), [("b", 1, 0), ("bcd", 1, 0), ("bcd", 3, 2), ("", 0, 0)])
def test_where_there_is_no_pair_nothing_is_exchanged_and_no_chance_is_told(names: str, related: int, pins: int) -> None:
    found, swap = exchanged(answer(names, related, pins), 1.0, b"x")
    assert (shown(found), swap.chances(1)) == (names, (0.0, 0.0))


def test_teams_pick_in_turn_what_is_best_of_their_own_and_start_as_often_as_one_another() -> None:
    first, second = answer("bcdefz", 5), answer("xcybw", 5)
    starts = Counter[int]()
    for n in range(2_000):
        found, teams = interleaved(first, second, 6, f"{n}".encode())
        order = shown(found)
        assert len(set(order)) == 6
        for start in (0, 2, 4):
            assert {*teams[start : start + 2]} == {1, 2}
        for team, names in ((1, "bcdef"), (2, "xcybw")):
            own = [order[i] for i in range(6) if teams[i] == team]
            before = [name for name in names if name not in order or name in own]
            assert own == before[: len(own)]
        assert interleaved(first, second, 6, f"{n}".encode())[1] == teams
        starts[teams[0]] += 1
    assert starts[1] == pytest.approx(1_000, abs=110)


def test_pins_come_first_and_what_fills_comes_last_and_neither_has_a_team() -> None:
    found, teams = interleaved(answer("pbz", 2, pins=1), answer("pcy", 2, pins=1), 5, b"x")
    assert shown(found)[0] == "p"
    assert shown(found)[3:] == "z"
    assert (sorted(shown(found)[1:3]), found.related) == (["b", "c"], 3)
    assert (teams[0], sorted(teams[1:3]), teams[3]) == (0, [1, 2], 0)


def test_a_ranking_that_has_no_more_lets_the_other_go_on() -> None:
    found, teams = interleaved(answer("b", 1), answer("cdef", 4), 5, b"x")
    assert sorted(shown(found)) == [*"bcdef"]
    assert teams.count(2) >= 3
    assert shown(interleaved(answer("", 0), answer("", 0), 5, b"x")[0]) == ""
