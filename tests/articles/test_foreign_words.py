"""Which texts are not in English, by their words: short English ones are never taken for another language."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommend.articles.foreign_words import foreign_words
from short_headlines import SHORT, SHORT_ENGLISH

SPANISH = "El río se desbordó por la noche y los vecinos tuvieron que salir de sus casas en barca, según la alcaldía."
ENGLISH = "The river burst its banks in the night and people had to leave their homes by boat, the town hall says."
DATA = Path(os.environ.get("RECOMMEND_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


DOUBTFUL = [
    "Storm batters coast, dozens feared dead",
    "Mayor quits amid bribery probe",
    "USA.gov Mobile Apps Gallery relaunched today",
    "Jenniffer González Colón takes office today",
    "Luke Littler defeats Michael van Gerwen",
]


@given(texts=st.lists(st.sampled_from(SHORT_ENGLISH), unique=True))
@example(texts=list(SHORT_ENGLISH))
@example(texts=DOUBTFUL)
def test_of_any_short_english_headlines_at_most_half_are_taken_for_another_language(texts: list[str]) -> None:
    assert 2 * sum(map(bool, foreign_words(texts))) <= len(texts)


@pytest.mark.parametrize("language", SHORT)
def test_of_a_dozen_short_headlines_in_another_language_most_are_taken_for_one(language: str) -> None:
    assert sum(map(bool, foreign_words(SHORT[language]))) >= 9


@pytest.mark.parametrize("language", SHORT)
def test_short_headlines_in_two_languages_are_told_apart(language: str) -> None:
    found = foreign_words([*SHORT[language], *(text for text in SHORT_ENGLISH if text.isascii())])
    assert sum(map(bool, found[:12])) >= 9
    assert sum(map(bool, found[12:])) <= 3


@given(others=st.lists(st.sampled_from([*SHORT_ENGLISH, ENGLISH, SPANISH])))
def test_a_sentence_is_told_by_itself_whatever_stands_beside_it(others: list[str]) -> None:
    english, spanish, *_ = foreign_words([ENGLISH, SPANISH, *others])
    assert not english
    assert {"río", "los", "según"} <= set(spanish)


def test_one_or_two_words_of_another_language_are_no_evidence() -> None:
    assert foreign_words(["Jenniffer González Colón takes office today", "El Niño returns", "", "42"]) == [()] * 4


@pytest.mark.parametrize("name", ["digitalgov", "ecbplus"])
def test_no_english_article_of_real_news_is_taken_for_another_language_and_hardly_a_headline(name: str) -> None:
    path = DATA / f"{name}.articles.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is absent: set RECOMMEND_TEST_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line, _ in zip(lines, range(400), strict=False)]
    assert sum(map(bool, foreign_words(one["text"] for one in articles))) <= 1
    assert sum(map(bool, foreign_words(" ".join(one["title"].split()[:6]) for one in articles))) <= 20
