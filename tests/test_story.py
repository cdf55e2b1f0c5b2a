"""The running story that an article belongs to: precise before complete, in order of time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend.story import grown, story_of


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


def test_only_what_passes_the_filters_is_of_a_story_beside_the_article_itself(
    recommender: Recommender, corpus: list[Article]
) -> None:
    story = next(one for a in corpus if (one := story_of(recommender, a.id)) and len(one.articles) > 4)
    gone = frozenset({story.articles[0].id, story.articles[-1].id, story.article_id})
    narrowed = story_of(recommender, story.article_id, Filters(exclude=gone))
    assert narrowed
    assert {part.id for part in narrowed.articles} & gone <= {story.article_id}


def test_a_story_in_few_articles_keeps_the_one_asked_for_its_latest_its_beginning_and_then_its_turns(
    recommender: Recommender, corpus: list[Article]
) -> None:
    story = next(one for a in corpus if (one := story_of(recommender, a.id)) and len(one.articles) > 4)
    roles = {part.id: part.role for part in story.articles}
    own, latest, beginning = story.article_id, story.articles[-1].id, story.articles[0].id
    for most in range(1, len(roles) + 1):
        brief = story.brief(most)
        ids = [part.id for part in brief.articles]
        assert len(ids) == most
        assert ids == [one for one in roles if one in ids], "in order of time"
        told = [*dict.fromkeys([own, latest, beginning, *(one for one, role in roles.items() if role == "turn")])]
        assert {*ids} <= {*told} or {*told} <= {*ids}
        assert (brief.total, brief.name) == (len(roles), story.name)
    assert story.brief(1).articles[0].id == own
    assert story.brief(50) == story


LINKS = st.dictionaries(st.sampled_from("abcdefg"), st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 1)))


def _grown(links: Mapping[str, Mapping[str, float]], copies: str = "") -> list[str]:
    return grown("a", lambda one: links.get(one, {}), lambda one: 0 if one in copies else ord(one))


def test_the_nearest_comes_first_and_what_only_one_of_many_leads_to_does_not_come() -> None:
    links = {"a": {"b": 0.5, "c": 0.3, "x": 0.2}, "b": {"c": 0.4, "d": 0.5}, "c": {"d": 0.1}}
    assert _grown(links) == ["a", "b", "c", "d"]
    assert _grown({"a": {"b": 0.5, "c": 0.27}}) == ["a", "b"]
    assert _grown({"a": {"b": 0.13}}) == ["a"]


@given(LINKS, st.sampled_from(["", "ab", "bcd"]))
def test_a_story_holds_its_article_once_and_of_copies_one(links: dict[str, dict[str, float]], copies: str) -> None:
    members = _grown(links, copies)
    assert members[0] == "a"
    assert len({*members}) == len(members)
    assert sum(one in copies for one in members) <= 1
    assert {*members} <= {"a", *(one for of in links.values() for one in of)}
    assert members == _grown({one: dict(reversed(of.items())) for one, of in links.items()}, copies)
