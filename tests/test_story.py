"""The running story that an article belongs to: precise before complete, in order of time."""

from __future__ import annotations

import pytest

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend.story import story_of


@pytest.fixture
def recommender(indexed: tuple[Settings, Store], encoder: Encoder) -> Recommender:
    return Recommender(indexed[1], indexed[0], encoder)


def test_a_story_is_told_from_its_beginning_to_its_latest(recommender: Recommender, corpus: list[Article]) -> None:
    told = [story for article in corpus if (story := story_of(recommender, article.id)) and story.articles]
    assert told
    for story in told:
        ids = [part.id for part in story.articles]
        dates = [part.published_at for part in story.articles if part.published_at is not None]
        roles = [part.role for part in story.articles]
        assert story.article_id in ids
        assert len({*ids}) == len(ids) >= 3
        assert dates == sorted(dates)
        assert (roles[0], roles[-1]) == ("beginning", "latest")
        assert {*roles[1:-1]} <= {"turn", None}
        assert story.terms
        assert story.name == ", ".join(story.terms)


def test_two_articles_make_no_story_and_an_unknown_one_none_at_all(
    recommender: Recommender, corpus: list[Article]
) -> None:
    lonely = next(a for a in corpus if (answer := recommender.answer(a.id, 20)) and not answer.related)
    alone = story_of(recommender, lonely.id)
    assert alone is not None
    assert (alone.articles, alone.name, alone.terms) == ([], None, ())
    assert story_of(recommender, "unheard-of") is None
