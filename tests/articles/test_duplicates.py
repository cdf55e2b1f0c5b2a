from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article, parse_article
from recommend.articles.duplicates import group_key

if TYPE_CHECKING:
    from conftest import Newsroom

LONG = """Zwei Züge stießen am Montag nahe der Grenze zusammen, dreißig Menschen wurden verletzt, sagte die Polizei.
Spiel 2 endete später 3:1."""


def key(title: str = "Zugunglück", text: str = LONG) -> int:
    return group_key(parse_article({"id": "a", "title": title, "text": text}))


@pytest.mark.parametrize(
    "text",
    [
        LONG.upper(),
        LONG.replace(" ", "  ").replace("Polizei", "«Polizei»"),
        f"<p>{LONG.replace(' am ', '</p><p>am ', 1)}</p>",
    ],
)
def test_case_punctuation_and_markup_do_not_make_another_story(text: str) -> None:
    assert key(text=text) == key()


def test_one_other_word_or_under_a_short_text_another_headline_makes_another_story() -> None:
    assert key("Dreißig Verletzte") == key()
    assert key(text=LONG.replace("dreißig", "vierzig")) != key()
    assert key(text=LONG.replace("3:1", "2:1")) != key()
    assert key("Wahl", "Mehr in Kürze.") != key("Börse", "Mehr in Kürze.")
    assert 0 <= key("選挙", "") < 2**64


def test_a_copy_that_arrives_later_is_hidden_under_its_original_and_shown_once_elsewhere(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom.take(stories[0].model_copy(update={"id": "copy", "title": "Quite another headline"}))
    recommender = newsroom.recommender()
    assert "copy" not in {item.id for item in recommender.related("story-00", 50)}
    assert len({item.id for item in recommender.related("story-06", 60)} & {"copy", "story-00"}) == 1
