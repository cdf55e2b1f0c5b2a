"""Kinds of events that headlines tell of."""

import tomllib
from pathlib import Path

import pytest

from recommend.ranking import event_kinds as module
from recommend.ranking.event_kinds import counts_anew, event_kinds, name_of
from recommend.ranking.phrases import LANGUAGES

WORDS = tomllib.loads(Path(module.__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "language", "kinds"),
    [
        ("Earthquake in Chile; a bushfire, and elections", None, {"earthquake", "wildfire", "election"}),
        ("Electricity and protein", "en", set()),
        ("Überschwemmungen in Köln", "de-AT", {"flood"}),
        ("Землетрясения в Чили", "ru", {"earthquake"}),
        ("Yangınlar ve DEPREM", "tr", {"fire", "earthquake"}),
        ("فيضانات في عدن", "ar", {"flood"}),
        ("चेन्नई में बाढ़", "hi", {"flood"}),
        ("Lũ lụt ở miền Trung", "vi", {"flood"}),
        ("Maanjäristys", "fi", set()),
        ("The death toll rises", "en", set()),
    ],
)
def test_words_of_a_language_tell_kinds_of_events(text: str, language: str | None, kinds: set[str]) -> None:
    assert event_kinds(text, language) == kinds


def test_every_language_of_the_phrases_has_words_and_every_kind_is_found_by_its_own_name() -> None:
    assert WORDS.keys() == LANGUAGES
    for language, kinds in WORDS.items():
        assert kinds.keys() <= WORDS["en"].keys()
        for kind in kinds.keys() - {"toll"}:
            assert kind in event_kinds(name_of(kind, language), language), (language, kind)


def test_a_kind_without_a_word_of_the_language_is_told_in_english() -> None:
    assert name_of("tariffs", "kk") == name_of("tariffs", "fi") == "tariffs"
    assert name_of("fire", "de") == "Brand"


def test_a_report_may_say_that_it_counts_anew() -> None:
    assert counts_anew("The death toll rises to 9", None)
    assert counts_anew("Asciende a 9 el número de muertos", "es")
    assert not counts_anew("Nine die in a fire", "en")
    assert not counts_anew("Kuolleita yhdeksän", "fi")
