"""Why a story is shown, in plain words."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.index import term_weights
from recommend.index.term_counts import TermCounts
from recommend.ranking.phrases import distance
from recommend.ranking.reasons import Evidence, as_written, reason, shared_terms, terms_in_all

TEXTS = ["Lee Jae Myung flies to Beijing", "Before his visit, Lee spoke of peace"]
SHARED = {"lee": 0.1, "jae": 0.05, "Jae": 0.01, "myung": 0.04, "beiji": 0.04, "visit": 0.06}
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.mark.parametrize(
    ("lexical_cosine", "probability", "age", "kind", "text"),
    [
        (0.3, 0.6, WEEK, "story", "Same story: Lee Jae Myung, Beijing · seven days later"),
        (0.3, 0.5, WEEK, "topic", "Also about Lee Jae Myung, Beijing · seven days later"),
        (0.3, 0.4, 3 * DAY, "story", "Same story: Lee Jae Myung, Beijing · three days later"),
        (0.3, 0.6, 2 * WEEK, "topic", "Also about Lee Jae Myung, Beijing · two weeks later"),
        (0.3, 0.7, -3 * WEEK, "story", "Same story: Lee Jae Myung, Beijing · three weeks earlier"),
        (0.3, 0.2, WEEK, "topic", "Also about Lee Jae Myung, Beijing · seven days later"),
        (0.3, 0.6, -60 * WEEK, "topic", "Also about Lee Jae Myung, Beijing · 14 months earlier"),
        (0.3, 0.6, None, "topic", "Also about Lee Jae Myung, Beijing"),
        (0.01, 0.6, WEEK, "similar", "On a similar subject · seven days later"),
        (0.01, 0.6, timedelta(), "similar", "On a similar subject · same day"),
        (0.01, 0.6, None, "similar", "On a similar subject"),
    ],
)
def test_the_reason_names_what_is_shared(
    lexical_cosine: float, probability: float, age: timedelta | None, kind: str, text: str
) -> None:
    found = reason(Evidence(SHARED, lexical_cosine, probability, TEXTS, age))
    assert (found.kind, found.text) == (kind, text)
    assert found.terms == (() if kind == "similar" else ("Lee Jae Myung", "Beijing"))


def test_shared_terms_that_no_headline_holds_are_not_named() -> None:
    assert reason(Evidence({"tariff": 0.3}, 0.3, 0.9, TEXTS, WEEK)).kind == "similar"


@pytest.mark.parametrize(
    ("term", "text", "named"),
    [
        ("berli", "Fire in Berlin", True),
        ("fire", "A fire in Berlin", False),
        ("finni", "Two Finnish towns", False),
        ("malay", "A Malaysian minister", False),
        ("2026", "The budget of 2026", False),
        ("g20", "The G20 meets", True),
        ("東京", "今日の東京", True),
    ],
)
def test_a_reason_gives_names_and_neither_common_words_nor_numbers_nor_nationalities_alone(
    term: str, text: str, named: bool
) -> None:
    assert (reason(Evidence({term: 0.3}, 0.3, 0.9, [text], WEEK)).kind == "story") == named


KYIV = ["A strike on Kyiv, in Ukraine", "Kyiv is hit again, Ukraine says"]
FAR = timedelta(days=90)


def test_where_nothing_but_a_place_is_shared_the_reason_says_so() -> None:
    found = reason(Evidence({"kyiv": 0.2, "ukrai": 0.1}, 0.3, 0.4, KYIV, FAR))
    assert (found.kind, found.terms) == ("place", ("Kyiv", "Ukraine"))
    assert found.text == "In the same place: Kyiv, Ukraine · three months later"
    assert reason(Evidence({"ukrai": 0.1}, 0.3, 0.4, KYIV, FAR)).kind == "topic"  # a country acts as well
    people = ["Ada Lee of Kyiv", "Ada Lee returns to Kyiv"]
    assert reason(Evidence({"ada": 0.2, "lee": 0.2, "kyiv": 0.1}, 0.3, 0.4, people, FAR)).kind == "topic"


def test_an_update_is_one_that_counts_the_same_again() -> None:
    def kind(text: str, age: timedelta | None, updates: bool = True) -> str:
        return reason(Evidence({}, 0.8, 0.6, [text, "Quake in Aden kills 12"], age, updates=updates)).kind

    risen = "The death toll of the quake in Aden rises to 15"
    assert kind(risen, timedelta(days=3)) == kind("Quake in Aden kills 14", timedelta(hours=9)) == "update"
    assert "update" not in {kind("Quake in Aden kills 9", timedelta(days=3)), kind(risen, None)}
    assert "update" not in {kind(risen, FAR), kind(risen, timedelta(days=3), updates=False)}


def test_another_days_event_of_a_sudden_kind_is_not_the_same_story() -> None:
    def kind(*texts: str, age: timedelta = DAY) -> str:
        return reason(Evidence({"kyiv": 0.2}, 0.5, 0.6, texts, age)).kind

    strike, other = "An airstrike on Kyiv", "Kyiv: two die in a missile attack"
    assert kind(strike, other) == "place"
    assert kind(strike, other, age=timedelta(hours=3)) == "story"
    assert kind(strike, "Toll of the airstrike on Kyiv rises to 9") == "story"
    assert kind("Kyiv votes: an election", "The election in Kyiv is over") == "story"


def test_without_a_name_tags_come_first_then_the_kind_of_event_then_authors() -> None:
    texts = ["An earthquake shakes the south", "Quake damages a school"]
    given: dict[str, list[str]] = {"tags": ["Geology"], "authors": ["Ida Roy"]}
    assert reason(Evidence({}, 0.3, 0.4, texts, None, **given)).text == "Also tagged Geology"  # type: ignore[arg-type]
    event = reason(Evidence({}, 0.3, 0.4, texts, None, authors=["Ida Roy"]))
    assert (event.kind, event.text) == ("event", "The same kind of event: earthquake")
    assert reason(Evidence({}, 0.3, 0.4, ["A", "B"], None, authors=["Ida Roy"])).text == "Also by Ida Roy"
    across = Evidence({}, 0.3, 0.4, ["Erdbeben im Süden", "Quake damages a school"], None, language="de")
    assert reason(across, "en").kind == "event"


def test_distances_are_written_out() -> None:
    written = {0.4: "same day", 1: "one day later", -2: "two days earlier", 11: "11 days later", 14: "two weeks later"}
    written |= {-59: "eight weeks earlier", 60: "two months later", 699: "23 months later", 700: "two years later"}
    assert {days: distance(timedelta(days=days), None) for days in written} == written
    assert distance(timedelta(days=-3660), "en-GB") == "ten years earlier"


@given(st.timedeltas(timedelta(days=-40_000), timedelta(days=40_000)))
def test_a_distance_is_a_number_a_unit_and_a_direction(age: timedelta) -> None:
    number, unit, direction = ("same", "day", "") if distance(age, None) == "same day" else distance(age, None).split()
    assert number != "no"
    assert unit.endswith("s") == (number not in ("same", "one"))
    assert direction in ("", "earlier" if age < timedelta(0) else "later")


@pytest.mark.parametrize(
    ("shares", "texts", "written"),
    [
        ({"zuric": 0.2, "train": 0.3}, ["Zürich: trained late"], ["Zürich", "trained"]),
        ({"der": 0.3, "louvr": 0.2, "who": 0.1}, ["Raub in der Nacht: WHO im Louvre"], ["Louvre", "WHO"]),
        ({"gpt": 0.1, "4o": 0.1}, ["The GPT-4o model"], ["GPT-4o"]),
        ({"storm": 0.1, "coast": 0.1}, ["storm, coast"], ["storm", "coast"]),
        ({"seoul": 0.1}, ["seoul", "SEOUL and Seoul"], ["seoul"]),
        ({"Mark": 0.1}, ["a mark on Mark"], ["Mark"]),
        ({"東京": 0.2, "京都": 0.1}, ["今日の東京都知事"], ["東京都"]),
        ({"storm": 0.1}, [], []),
    ],
)
def test_terms_are_shown_as_written_and_neighbours_joined(
    shares: dict[str, float], texts: list[str], written: list[str]
) -> None:
    assert as_written(shares, texts) == written


def test_shared_terms_carry_their_parts_of_the_cosine_strongest_first() -> None:
    texts = ["storm hits coast hard", "storm storm leaves coast", "election in town"]
    lexicon, matrix = term_weights.fit(TermCounts.of(texts), np.zeros((3, 2), np.float32))
    query, *others = (matrix.vector(row) for row in range(3))
    shared, none, again = shared_terms(query, [*others, others[0]], lexicon)
    assert list(shared) == ["storm", "coast"]
    assert sum(shared.values()) == pytest.approx(matrix.pairs(np.array([0]), np.array([1]))[0])
    assert (none, again) == ({}, shared)
    assert shared_terms(query, [], lexicon) == []
    nothing = lexicon.weigh("")
    assert shared_terms(nothing, others, lexicon) == shared_terms(query, [nothing] * 2, lexicon) == [{}, {}]


def test_pieces_of_words_are_no_reason() -> None:
    texts, languages = ["Hafenarbeiter in Kiel", "Hilfsarbeiter in Kiel", "Hilfsarbeiter gesucht"], ["de"] * 3
    lexicon, matrix = term_weights.fit(TermCounts.of(texts, languages), np.zeros((3, 2), np.float32))
    query, *others = (matrix.vector(row) for row in range(3))
    shared, nothing = shared_terms(query, others, lexicon)
    assert set(shared) == {"kiel", "Kiel"}
    assert nothing == {}
    assert matrix.pairs(np.array([0]), np.array([2]))[0] > 0


def test_of_an_article_that_is_not_public_only_what_its_own_headline_says_is_told() -> None:
    shares = {"storm": 0.2, "secret": 0.3, "coast": 0.1}
    assert terms_in_all(shares, []) == shares
    assert terms_in_all(shares, ["Storms hit the coast"]) == {"storm": 0.2, "coast": 0.1}
    assert terms_in_all(shares, ["Storms hit the coast", "Storm"]) == {"storm": 0.2}
    assert terms_in_all(shares, [""]) == {}
