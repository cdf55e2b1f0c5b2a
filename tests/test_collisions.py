"""Stories that meet under one id or one address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recommend.articles.article import Article, parse_article
from recommend.collisions import Collision
from recommend.ingest import ingest
from recommend.settings import Settings
from recommend.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.store)
    yield opened
    opened.close()


def article(article_id: str, title: str, url: str | None = None, **fields: object) -> Article:
    return parse_article({"id": article_id, "title": title, "url": url, **fields})


def told(store: Store, *articles: Article) -> list[Collision]:
    found: list[Collision] = []
    ingest(store, None, articles, on_collision=found.append)
    return found


@pytest.mark.parametrize("between", [0, 1500])
def test_two_stories_of_one_id_in_one_run_are_told_by_name(store: Store, between: int) -> None:
    others = [article(f"o{number}", f"Other {number}") for number in range(between)]
    (found,) = told(
        store,
        article("7", "Port closes", "https://a.example/1"),
        *others,
        article("7", "Bees die", "https://a.example/2"),
    )
    assert (found.article_id, found.field) == ("7", "id")
    assert found.reason == (
        "is the id of two stories: 'Port closes' (https://a.example/1) is replaced by 'Bees die' (https://a.example/2)"
    )


@pytest.mark.parametrize("between", [0, 1500])
def test_one_story_that_comes_twice_is_no_collision(store: Store, between: int) -> None:
    others = [article(f"o{number}", f"Other {number}") for number in range(between)]
    one, changed = (
        article("7", "Port closes", "https://a.example/1"),
        article("7", "Port closed", "https://a.example/1/"),
    )
    assert told(store, one, *others, one, changed) == []


@pytest.mark.parametrize(
    ("later", "collides"),
    [
        (article("7", "Port closes", "https://www.a.example/1"), False),
        (article("7", "Port is closed", "https://a.example/1"), False),
        (article("7", "Port closes", "https://a.example/port-closes"), False),
        (article("7", "Bees die", "https://a.example/2"), True),
        (article("7", "Port closes", "https://b.example/1"), True),
        (article("7", "Port is closed"), False),
    ],
)
def test_a_stored_article_is_replaced_in_silence_by_itself_alone(store: Store, later: Article, collides: bool) -> None:
    told(store, article("7", "Port closes", "https://a.example/1"))
    assert len(told(store, later)) == collides
    assert told(store, later) == []


def test_sites_tell_stories_apart_where_there_are_no_addresses(store: Store) -> None:
    told(store, article("7", "Port closes", site="a.example"))
    (found,) = told(store, article("7", "Port closes", site="b.example"))
    assert "'Port closes' (a.example) is replaced by 'Port closes' (b.example)" in found.reason


def test_stories_of_one_address_are_told_and_both_stay(store: Store) -> None:
    assert told(store, article("1", "Port closes", "https://a.example/x?utm_source=f")) == []
    found = told(
        store, article("2", "Bees die", "http://A.example/x/"), article("3", "Cup final", "https://a.example/x")
    )
    assert [(one.article_id, one.field) for one in found] == [("2", "url"), ("3", "url"), ("3", "url")]
    assert "is the address of '1', 'Port closes', too: both stay" in found[0].reason
    assert {one.id for name in "123" if (one := store.get(name)) is not None} == {"1", "2", "3"}


def test_what_is_not_public_shares_no_address(store: Store) -> None:
    told(store, article("1", "Port closes", "https://a.example/x", status="draft"))
    assert told(store, article("2", "Bees die", "https://a.example/x")) == []
