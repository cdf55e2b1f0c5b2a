"""What an editor does to a curation, one act at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recommend.articles import acts
from recommend.articles.curation import MOST_PINNED, UNCURATED, Choice, Curation

TOMORROW = datetime.now(UTC) + timedelta(days=1)
NOW = datetime.now(UTC)


def test_a_pin_comes_last_stays_where_it_is_and_lifts_a_block() -> None:
    two = acts.pin(acts.pin(UNCURATED, "a"), "b", TOMORROW)
    assert two.pinned == (Choice(id="a"), Choice(id="b", until=TOMORROW))
    again = acts.pin(two, "a", TOMORROW)
    assert [one.id for one in again.pinned] == ["a", "b"]
    assert again.pinned[0].until == TOMORROW
    assert acts.pin(acts.block(UNCURATED, "a"), "a") == acts.pin(UNCURATED, "a")
    assert acts.unpin(two, "a").pinned == two.pinned[1:]


def test_a_block_lifts_a_pin_and_is_taken_back_alone() -> None:
    pinned = acts.pin(acts.pin(UNCURATED, "a"), "b")
    blocked = acts.block(pinned, "a", TOMORROW)
    assert (blocked.pinned, blocked.blocked) == ((Choice(id="b"),), (Choice(id="a", until=TOMORROW),))
    assert acts.unblock(blocked, "a") == acts.pin(UNCURATED, "b")


def test_hiding_leaves_pins_and_blocks_as_they_are() -> None:
    curation = acts.block(acts.pin(UNCURATED, "a"), "b")
    hidden = acts.hide(curation, TOMORROW)
    assert hidden.hides(NOW)
    assert acts.hide(hidden, None) == curation


@given(st.permutations("abcdef"), st.integers(0, 5), st.sampled_from([-1, 1]), st.sets(st.sampled_from("abcdef")))
def test_a_move_shows_the_items_in_the_order_that_was_meant(
    shown: list[str], place: int, step: int, pinned: set[str]
) -> None:
    before = Curation(pinned=tuple(Choice(id=one) for one in shown if one in pinned))
    led = [*(one for one in shown if one in pinned), *(one for one in shown if one not in pinned)]
    after = acts.move(before, led, led[place], step)
    meant = list(led)
    other = place + step
    if 0 <= other < len(led):
        meant[place], meant[other] = meant[other], meant[place]
    pins = after.pins(NOW)
    assert [*pins, *(one for one in led if one not in pins)] == meant


def test_an_order_keeps_until_when_and_lets_other_pins_follow() -> None:
    before = acts.block(acts.pin(acts.pin(UNCURATED, "x"), "a", TOMORROW), "b")
    after = acts.order(before, ["b", "a"])
    assert after.pinned == (Choice(id="b"), Choice(id="a", until=TOMORROW), Choice(id="x"))
    assert not after.blocked
    assert acts.move(before, ["a"], "elsewhere", -1) is before


def test_more_pins_than_there_is_room_for_are_refused() -> None:
    full = Curation(pinned=tuple(Choice(id=f"{n}") for n in range(MOST_PINNED)))
    with pytest.raises(ValidationError):
        acts.pin(full, "one more")
