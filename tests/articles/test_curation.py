"""What editors decide, and when it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recommend.articles.curation import MOST_BLOCKED, MOST_PINNED, UNCURATED, Choice, Curation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours))
CHOICES = st.dictionaries(st.sampled_from("abcdef"), MOMENTS)


def choices(untils: dict[str, datetime | None]) -> tuple[Choice, ...]:
    return tuple(Choice(id=article_id, until=until) for article_id, until in untils.items())


@given(CHOICES, CHOICES, MOMENTS, MOMENTS.filter(bool))
def test_pins_blocks_and_hiding_hold_until_their_moment_and_a_block_beats_a_pin(
    pinned: dict[str, datetime | None],
    blocked: dict[str, datetime | None],
    hidden_until: datetime | None,
    now: datetime,
) -> None:
    def holding(untils: dict[str, datetime | None]) -> list[str]:
        return [article_id for article_id, until in untils.items() if until is None or until > now]

    curation = Curation(pinned=choices(pinned), blocked=choices(blocked), hidden_until=hidden_until)
    assert curation.blocks(now) == set(holding(blocked))
    assert curation.pins(now) == [article_id for article_id in holding(pinned) if article_id not in holding(blocked)]
    assert curation.hides(now) is (hidden_until is not None and hidden_until > now)


@given(CHOICES, CHOICES, MOMENTS)
def test_a_curation_comes_back_from_json_as_it_was(
    pinned: dict[str, datetime | None], blocked: dict[str, datetime | None], hidden_until: datetime | None
) -> None:
    curation = Curation(pinned=choices(pinned), blocked=choices(blocked), hidden_until=hidden_until)
    assert Curation.model_validate_json(curation.model_dump_json()) == curation


def test_a_moment_without_a_zone_is_in_utc_and_what_is_left_out_is_empty() -> None:
    curation = Curation.model_validate({"pinned": [{"id": "a", "until": "2026-03-01T12:00"}]})
    assert curation.pinned == (Choice(id="a", until=NOON),)
    assert Curation.model_validate({}) == UNCURATED
    assert (UNCURATED.pins(NOON), UNCURATED.blocks(NOON), UNCURATED.hides(NOON)) == ([], frozenset(), False)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"pinned": [{"id": "a"}, {"id": "a", "until": "2026-03-01"}]}, "names 'a' twice: give each article once"),
        ({"blocked": [{"id": "a"}, {"id": "a"}]}, "names 'a' twice"),
        ({"pinned": [{"id": str(n)} for n in range(MOST_PINNED + 1)]}, "at most 50"),
        ({"blocked": [{"id": str(n)} for n in range(MOST_BLOCKED + 1)]}, "at most 1000"),
        ({"pinned": [{"id": ""}]}, "is missing"),
        ({"pinned": [{"id": "x" * 513}]}, "more than 512"),
        ({"pinned": [{"id": "a", "untill": None}]}, "untill"),
        ({"pinned": ["a"]}, "pinned.0"),
        ({"blocked": [{"id": "a", "until": "soon"}]}, "is not an ISO 8601 date"),
        ({"hidden_until": "tomorrow"}, "is not an ISO 8601 date"),
        ({"hiden_until": None}, "hiden_until"),
    ],
)
def test_what_is_no_curation_is_refused_with_the_reason(row: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Curation.model_validate(row)
