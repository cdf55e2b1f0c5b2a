"""The running story that an article belongs to: precise before complete, in order of time."""

from __future__ import annotations

from collections import Counter
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
from recommend.story import Link, grown, story_of, strongest


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


LINKS = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.dictionaries(st.sampled_from("abcdefg"), st.builds(Link, st.floats(0, 1), st.booleans())),
)


def _grown(links: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Where all share names."""
    return grown("a", lambda one: {other: Link(score, True) for other, score in links.get(one, {}).items()})


def test_the_nearest_comes_first_and_what_only_one_of_many_leads_to_does_not_come() -> None:
    assert _grown({"a": {"b": 0.5, "c": 0.3, "x": 0.2}, "b": {"c": 0.4, "d": 0.5}, "c": {"d": 0.1}}) == list("abcd")
    assert _grown({"a": {"b": 0.5, "c": 0.25}}) == ["a", "b"]
    assert _grown({"a": {"b": 0.12}}) == ["a"]


def test_what_scores_far_below_the_best_of_a_story_is_not_of_it() -> None:
    assert _grown({"a": {"b": 0.9, "c": 0.5}, "b": {"c": 0.02}}) == ["a", "b"]
    assert _grown({"a": {"b": 0.5, "c": 0.5}, "b": {"c": 0.02}}) == ["a", "b", "c"]


def test_what_shares_no_name_with_any_of_it_is_not_of_a_story() -> None:
    links = {"a": {"b": Link(0.9, False), "c": Link(0.5, True)}, "c": {"b": Link(0.9, False)}}
    assert grown("a", lambda one: links.get(one, {})) == ["a", "c"]


@given(LINKS)
def test_a_story_holds_its_article_and_others_that_are_led_to_once_in_whatever_order_they_are_told(
    links: dict[str, dict[str, Link]],
) -> None:
    members = grown("a", lambda one: links.get(one, {}))
    assert members[0] == "a"
    assert len({*members}) == len(members)
    assert {*members} <= {"a", *(one for of in links.values() for one, link in of.items() if link.named)}
    assert members == grown("a", lambda one: dict(reversed(links.get(one, {}).items())))


def test_of_near_duplicates_a_story_tells_one(recommender: Recommender, corpus: list[Article]) -> None:
    copies = {"b-korea-court-removes-yoon", "b-wire-korea-court-removes-yoon"}
    told = [one for a in corpus if (one := story_of(recommender, a.id)) and one.articles]
    assert len(told) > 20
    for story in told:
        assert len(copies & {part.id for part in story.articles}) <= 1


def test_a_story_goes_by_whole_names_and_by_no_nationality() -> None:
    carried = Counter({"Louvre": 6, "Laurence": 5, "Laurence des Cars": 2, "South Korean": 4, "Korean": 4, "Yoon": 3})
    assert strongest(carried, Counter(), "en") == ("Louvre", "Laurence des Cars", "Yoon")
    assert strongest(Counter({"Korean": 3}), Counter(), "en") == ("Korean",)
    texts = ["Laurence des Cars speaks", "They heard Laurence des Cars", "Alcaraz Wins", "For Alcaraz it is over"]
    assert strongest(Counter({"Laurence": 4, "Alcaraz": 2}), Counter(), "en", texts) == ("Laurence des Cars", "Alcaraz")
