from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.impressions import (
    HOUR,
    LIFETIME,
    LONGEST,
    PERIOD,
    Impression,
    ImpressionError,
    Place,
    Swap,
    ends,
    period,
    pseudonym,
    sign,
)

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_800_000_000.0
IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, unique=True)


def signed(items: list[str], article: str = "a", **options: object) -> str:
    return sign(KEY, period(article, NOW), article, items, "0badcafe", **options)  # type: ignore[arg-type]


@given(IDS, st.sampled_from([None, "b", "x" * 64]))
def test_an_id_tells_where_each_item_stood_and_nothing_else(items: list[str], variant: str | None) -> None:
    text = signed(items[:50], variant=variant)
    told = Impression.read(text, KEY, NOW)
    assert len(text) <= LONGEST
    assert (told.variant, told.settings) == (variant, "0badcafe")
    for position, item in enumerate(items[:50], start=1):
        assert told.place("a", item) == Place(position, position, 0.0, 0.0, 0)
    with pytest.raises(ImpressionError, match="not in the impression"):
        told.place("a", "".join(items) + "never")
    with pytest.raises(ImpressionError, match="another article"):
        told.place("b", items[0])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_another_key_or_anything_else_is_no_id(place: int, change: int) -> None:
    raw = bytearray(urlsafe_b64decode(signed(["b", "c"]) + "=="))
    raw[place % len(raw)] ^= change
    for text, key in ((urlsafe_b64encode(raw).decode(), KEY), (signed(["b"]), OTHER)):
        with pytest.raises(ImpressionError, match="not signed here"):
            Impression.read(text, key, NOW)


@pytest.mark.parametrize("text", ["", "=", "a", "é", "AAAA" * 200, "\ud800", "A" * 16])
def test_what_was_never_an_id_is_refused(text: str) -> None:
    with pytest.raises(ImpressionError, match="not signed here"):
        Impression.read(text, KEY, NOW)


def test_an_id_ends_three_days_after_its_period_began() -> None:
    text, begun = signed(["b"]), period("a", NOW)
    Impression.read(text, KEY, (begun + LIFETIME) * HOUR - 1)
    with pytest.raises(ImpressionError, match="too old"):
        Impression.read(text, KEY, (begun + LIFETIME) * HOUR)


@given(st.text(max_size=9), st.floats(0, 4e9))
def test_a_period_holds_the_moment_and_the_next_begins_where_it_ends(article: str, now: float) -> None:
    begun = period(article, now)
    assert begun * HOUR <= now < ends(begun)
    assert period(article, ends(begun)) == begun + PERIOD


def test_periods_begin_at_every_hour_of_the_day() -> None:
    assert {period(str(n), NOW) % 24 for n in range(500)} == set(range(24))


@given(st.integers(1, 4), st.integers(2, 8), st.floats(0.0, 1.0), st.data())
def test_with_an_exchange_the_chances_of_all_places_of_an_item_make_one(
    first: int, last: int, share: float, data: st.DataObject
) -> None:
    last = max(last, first + 1)
    swapped = data.draw(st.sampled_from([0, *range(first, last)]))
    told = Impression.read(signed([*"bcdefghij"], swap=Swap(share, first, last, swapped)), KEY, NOW)
    places = [told.place("a", item) for item in "bcdefghij"]
    bases = [place.base for place in places]
    assert sorted(bases) == list(range(1, 10))
    assert [i for i, place in enumerate(places, 1) if place.base != i] == ([swapped, swapped + 1] if swapped else [])
    by_base = {place.base: place for place in places}
    for place in places:
        assert 0 <= place.up + place.down <= 1 + 1e-4
        if place.down:
            assert by_base[place.base + 1].up == place.down  # one goes down as the other goes up
    assert sum(place.down for place in places) == pytest.approx(share, abs=1e-4)


def test_teams_are_told_by_item() -> None:
    told = Impression.read(signed(["b", "c", "d"], teams=[1, 2, 0]), KEY, NOW)
    assert [told.place("a", item).team for item in "bcd"] == [1, 2, 0]


def test_a_unit_is_kept_under_a_name_that_only_the_key_leads_to() -> None:
    assert pseudonym("reader", KEY) == pseudonym("reader", KEY) != pseudonym("reader", OTHER)
    assert "reader" not in pseudonym("reader", KEY)
