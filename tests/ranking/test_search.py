"""Finding articles: by words through snapshot and changes alike, or the newest, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store


@pytest.fixture(scope="module")
def recommender(indexed: tuple[Settings, Store], encoder: Encoder) -> Recommender:
    return Recommender(indexed[1], indexed[0], encoder)


def pages(recommender: Recommender, words: str, count: int, **filters: Any) -> list[str]:
    """The ids of all pages."""
    ids, mark = list[str](), None
    while True:
        found = recommender.listing.search(words, count, Filters(**filters), mark)
        ids += [card.id for card in found.cards]
        mark = found.last
        if mark is None:
            assert found.total == len(ids)
            return ids


def test_words_find_what_tells_of_them_best_first(recommender: Recommender) -> None:
    found = recommender.listing.search("Valencia flood", 5)
    assert all("valencia" in card.id for card in found.cards[:3])
    assert found.total > 5


@pytest.mark.parametrize("words", ["", "  ", "boeing", "Moon rocks capsule"])
def test_pages_of_any_size_hold_every_find_once_in_one_order(recommender: Recommender, words: str) -> None:
    whole = pages(recommender, words, 1000)
    assert len(set(whole)) == len(whole) > 3
    assert pages(recommender, words, 1) == pages(recommender, words, 7) == whole


def test_without_words_the_newest_come_first(recommender: Recommender) -> None:
    assert pages(recommender, "", 50) == [item.id for item in recommender.listing.latest(10_000)]


@pytest.mark.parametrize("name", ["id", "url"])
def test_an_article_is_found_by_its_id_and_its_address(recommender: Recommender, name: str) -> None:
    story = recommender.store.get("c-valencia-floods-toll")
    assert story is not None
    assert recommender.listing.search(getattr(story, name), 3).cards[0].id == story.id


def test_words_that_say_nothing_find_nothing(recommender: Recommender) -> None:
    for words in ("xyzzyplugh", "the", "%", "\x00", "🙂"):
        assert recommender.listing.search(words, 5).total == 0


def test_filters_act_on_what_is_found(recommender: Recommender) -> None:
    spanish = recommender.listing.search("Valencia", 50, Filters(language="es"))
    assert spanish.cards
    assert {card.language for card in spanish.cards} == {"es"}
    late = datetime(2025, 1, 1, tzinfo=UTC)
    assert all(
        card.published_at is not None and card.published_at >= late
        for card in recommender.listing.search("", 100, Filters(since=late)).cards
    )


def test_what_is_new_is_found_by_words_that_the_corpus_did_not_have_and_gone_when_it_is_taken_down(
    newsroom: Any,
) -> None:
    recommender = newsroom.recommender()
    assert not recommender.listing.search("Zorblax", 5).cards
    newsroom.take(Article(id="new", title="The Zorblax affair shakes the harbour", text="Nothing is known."))
    assert [card.id for card in recommender.listing.search("zorbl", 5).cards] == ["new"]
    assert "new" in pages(recommender, "", 10)
    newsroom.store.delete("new")
    assert not recommender.listing.search("Zorblax", 5).cards
    assert "new" not in pages(recommender, "", 10)


@pytest.mark.parametrize("serving", [True, False])
def test_a_word_of_a_closed_body_finds_its_article_for_who_may_read_it_only(newsroom: Any, serving: bool) -> None:
    newsroom.take(
        Article(id="paid", title="Ferry plans", text="A secret about the quokka of the harbour.", access="paid"),
        Article(id="free", title="Ferry news", text="A quokka boards the ferry at the harbour."),
    )
    newsroom.reindex()
    recommender = Recommender(newsroom.store, newsroom.settings, newsroom.encoder, serving=serving)
    assert {card.id for card in recommender.listing.search("quokka", 5).cards} == (
        {"free"} if serving else {"paid", "free"}
    )
    assert {card.id for card in recommender.listing.search("ferry", 5).cards} >= {"paid", "free"}
    assert {card.id for card in recommender.for_editors().listing.search("quokka", 5).cards} == {"paid", "free"}
