"""Reasons are in the language of the article whose box it is."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.ranking.phrases import LANGUAGES, distance, enumeration, phrase

NAMING = ["story", "topic", "place", "event", "tag", "author"]
PHRASES = [*NAMING, "update", "similar", "section", "latest", "pinned", "further", "heading-story", "beginning", "turn"]


def test_there_are_twelve_languages_and_others_are_told_in_english() -> None:
    assert {"en", "es", "fr", "de", "pt", "ar", "ru", "tr", "vi", "hi", "uk", "kk"} == LANGUAGES
    assert phrase("latest", None) == phrase("latest", "fi") == phrase("latest", "en-GB") == "Latest"
    assert phrase("latest", "es-MX") != "Latest"


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_every_phrase_is_there_in_every_language_with_what_belongs_into_it(language: str) -> None:
    for name in PHRASES:
        told = phrase(name, language, names="Aden", section="Welt")
        assert told != phrase(name, "en", names="Aden", section="Welt")
        assert ("Aden" in told, "Welt" in told) == (name in NAMING, name == "section")


@given(st.sampled_from(sorted(LANGUAGES)), st.timedeltas(timedelta(days=-40_000), timedelta(days=40_000)))
def test_distances_are_told_in_every_language_with_their_direction(language: str, age: timedelta) -> None:
    told = distance(age, language)
    assert told
    assert "{" not in told
    if abs(age) >= timedelta(days=1):
        assert told != distance(-age, language)


@pytest.mark.parametrize(
    ("language", "days", "told"),
    [
        ("ru", 1, "1 день спустя"),
        ("ru", 3, "3 дня спустя"),
        ("ru", 11, "11 дней спустя"),
        ("ar", -2, "قبل ذلك بيومين"),
        ("de", -14, "2 Wochen zuvor"),
        ("uk", 800, "через 2 роки"),
        ("vi", 0, "cùng ngày"),
    ],
)
def test_numbers_take_the_form_that_their_language_asks_for(language: str, days: int, told: str) -> None:
    assert distance(timedelta(days=days), language) == told


def test_names_are_listed_with_the_comma_of_the_language() -> None:
    assert enumeration(["A", "B"], "de") == "A, B"
    assert enumeration(["أ", "ب"], "ar") == "أ، ب"
