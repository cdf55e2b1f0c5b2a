"""What a match means once it is held against the story under which a box stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from recommend.articles.article import parse_article
from recommend.articles.card import card_of
from recommend.articles.rules import Match
from recommend.ranking.matching import Story, holds

TODAY = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def story(**fields: Any) -> Story:
    article = parse_article({"id": "x", "title": "A title", "published_at": "2026-02-20T00:00:00Z", **fields})
    return Story.of(card_of(article), article.id, TODAY)


def means(match: dict[str, Any], own: Story, other: Story) -> bool | None:
    resolved = own.resolved(Match.model_validate(match))
    return None if resolved is None else holds(resolved, other, TODAY)


WORLD = story(section="World", authors=["Ana"], tags=["Series: Sea"])


@pytest.mark.parametrize(
    "match",
    [
        {"same": "section"},
        {"any": [{"same": "section"}, {"section": "Culture"}]},
        {"all": [{"same": "section"}, {"author": "Ana"}]},
        {"not": {"section": "Sport"}, "same": "author"},
        {"any": [{"series": "series: "}, {"tag": "no"}], "same": "author"},
        {"any": [{"same": "section"}], "max_age": 20},
    ],
)
def test_what_is_compared_within_any_all_and_not_is_the_storys_own(match: dict[str, Any]) -> None:
    like = story(section="World", authors=["Ana"], tags=["Series: Sea"])
    unlike = story(section="Sport", authors=["Ben"], published_at="2025-01-01T00:00:00Z")
    assert means(match, WORLD, like) is True
    assert means(match, WORLD, unlike) is False


@pytest.mark.parametrize(
    "match",
    [
        {"same": "site"},
        {"series": "Other: "},
        {"any": [{"same": "site"}, {"section": "World"}]},
        {"all": [{"section": "World"}, {"not": {"same": "site"}}]},
    ],
)
def test_a_story_that_lacks_what_is_compared_by_means_nothing(match: dict[str, Any]) -> None:
    assert means(match, WORLD, WORLD) is None


def test_age_stays_in_a_match_with_parts() -> None:
    old = story(section="World", published_at="2025-01-01T00:00:00Z")
    assert means({"any": [{"same": "section"}], "max_age": 20}, WORLD, old) is False
    assert means({"any": [{"same": "section"}], "min_age": 20}, WORLD, old) is True
