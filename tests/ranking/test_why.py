"""Why one article is, or is not, in the box of another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recommend.articles.article import Article
from recommend.articles.curation import Choice, Curation
from recommend.encoder import Encoder
from recommend.errors import UnknownArticleError
from recommend.inspection import why
from recommend.ranking.candidates import FEATURES
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

ANCHOR = "a-central-asia-condemns-drone-attack"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def recommender(indexed: tuple[Settings, Store], encoder: Encoder) -> Recommender:
    return Recommender(indexed[1], indexed[0], encoder)


def test_of_what_is_shown_rank_score_and_parts_are_those_of_the_box(recommender: Recommender) -> None:
    answer = recommender.answer(ANCHOR, 5, explain=True)
    assert answer is not None
    for item in answer.items:
        found = why(recommender, ANCHOR, item.id, 5)
        assert (found.rank, found.score, found.explanation) == (item.rank, item.score, item.explanation)
        related = item.rank <= answer.related
        assert found.why == (
            "related: its score reaches the floor" if related else "not related: it only fills the box"
        )


def test_of_what_is_not_shown_the_rule_is_that_of_the_near_misses(recommender: Recommender) -> None:
    answer = recommender.answer(ANCHOR, 5, explain=True)
    assert answer is not None
    assert answer.near_misses
    for miss in answer.near_misses:
        found = why(recommender, ANCHOR, miss.id, 5)
        assert (found.rank, found.score, found.why) == (None, miss.score, miss.why)
        assert found.place is not None


def test_every_article_of_the_corpus_has_an_answer(recommender: Recommender) -> None:
    ids = list(recommender.view().ids())
    answer = recommender.answer(ANCHOR, 5)
    assert answer is not None
    ranks = {other: why(recommender, ANCHOR, other, 5).rank for other in ids}
    assert [other for other, rank in sorted(ranks.items(), key=lambda one: one[1] or 99) if rank] == [
        item.id for item in answer.items
    ]
    assert why(recommender, ANCHOR, ANCHOR, 5).why == "is the article itself"
    assert why(recommender, ANCHOR, ids[0], 5).explanation.keys() == set(FEATURES)


def test_what_editors_and_the_clock_keep_out_is_told(newsroom: Any, stories: list[Article]) -> None:
    story, *others = stories[:6]
    recommender = newsroom.recommender()
    newsroom.take(
        Article(id="embargo", title="Later", published_at=NOW + timedelta(days=9)),
        Article(id="expired", title="Over", expires_at=NOW - timedelta(days=9)),
    )
    until = NOW + timedelta(days=1)
    newsroom.store.curations.put(others[0].id, Curation(hidden_until=until), "desk")
    curation = Curation(pinned=(Choice(id=others[1].id),), blocked=(Choice(id=others[2].id),))
    newsroom.store.curations.put(story.id, curation, "desk")
    said = {one: why(recommender, story.id, one, 3).why for one in ("embargo", "expired", *(o.id for o in others[:3]))}
    assert said["embargo"].startswith("its date is yet to come: ")
    assert said["expired"].startswith("it expired on ")
    assert said[others[0].id] == f"editors hide it until {until:%Y-%m-%d %H:%M} UTC"
    assert said[others[1].id] == "editors pinned it"
    assert said[others[2].id] == "blocked by editors"


def test_what_is_not_published_is_unknown(newsroom: Any, stories: list[Article]) -> None:
    recommender, story = newsroom.recommender(), stories[0].id
    newsroom.take(Article(id="draft", title="Not yet", status="draft"))
    for pair in ((story, "draft"), ("draft", story), (story, "never heard of")):
        with pytest.raises(UnknownArticleError):
            why(recommender, *pair, 5)
