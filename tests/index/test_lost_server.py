"""An index over three servers, one of them lost: answers from those that are there, and what says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url

from recommend.articles.article import Article
from recommend.articles.curation import Curation
from recommend.errors import StoreUnreachableError
from recommend.index.pgvector.generations import live_name
from recommend.index.pgvector.servers import Servers
from recommend.recommender import Recommender
from recommend.settings import Settings
from sharded import named, of_shard, shortened, shown

if TYPE_CHECKING:
    from conftest import Newsroom
    from servers import Server as PostgreSQL

pytestmark = pytest.mark.databases("shards")


@pytest.fixture
def losing(three_servers: list[PostgreSQL], settings: Settings) -> Callable[[int], Any]:
    """Makes a server refuse connections to the test's database for a while."""

    @contextmanager
    def lost(number: int) -> Iterator[None]:
        server, name = three_servers[number], make_url([settings.pgvector.url, *settings.pgvector.shards][number])
        server.sql(f"ALTER DATABASE {name.database} ALLOW_CONNECTIONS false")
        server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name.database}'")
        try:
            yield
        finally:
            server.sql(f"ALTER DATABASE {name.database} ALLOW_CONNECTIONS true")

    return lost


def serving(newsroom: Newsroom) -> Recommender:
    return Recommender(newsroom.store, newsroom.settings, newsroom.encoder, serving=True)


def whole_again(recommender: Recommender) -> None:
    deadline = time.monotonic() + 30
    while recommender.problem is not None:
        assert time.monotonic() < deadline
        recommender.check_searchable()
        time.sleep(0.05)


def test_while_a_server_is_lost_answers_go_on_without_it_and_say_so(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any]
) -> None:
    recommender = serving(newsroom)
    there, lost = of_shard(stories, 0) + of_shard(stories, 2), of_shard(stories, 1)
    before = {one: recommender.answer(one, 5) for one in there[::5]}
    with losing(1):
        for one in there[1::3]:
            answer = recommender.answer(one, 5)
            assert answer is not None
            assert answer.partial
            assert len(answer.items) == 5
            assert not {item.id for item in answer.items} & {*lost}
        for one in (lost[0], next(named(1))):  # which may be an article or not: that cannot be told
            with pytest.raises(StoreUnreachableError, match="only server of the index that may hold"):
                recommender.answer(one, 5)
        assert recommender.answer(next(named(2)), 5) is None
        assert recommender.problem is not None
        assert "1 of 3 servers" in recommender.problem
        recommender.check_searchable()
        assert recommender.answer_history([lost[0], there[0]], 5).partial
        assert recommender.listing.search("", 5).partial
        moment = time.time()
        soon = recommender.view().next_change_at(moment)  # what is kept now must not outlive what the lost one knows
        assert soon is not None
        assert moment < soon <= moment + 1
    whole_again(recommender)
    assert recommender.view().next_change_at(moment) is None
    for one, answer in before.items():
        assert recommender.answer(one, 5) == answer
    assert recommender.answer(lost[0], 5) is not None


def test_what_changes_while_a_server_is_lost_holds_at_once_and_when_it_is_back(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any]
) -> None:
    recommender = serving(newsroom)
    there, lost = of_shard(stories, 0), of_shard(stories, 1)
    gone, new = lost[:3], next(named(1))
    with losing(1):
        assert recommender.answer(there[0], 5) is not None
        for one in (*gone, there[1]):
            newsroom.store.delete(one)
        newsroom.take(shortened(newsroom_article(newsroom, there[0]), new), shortened(stories[7], lost[3]))
        pinned = Curation.model_validate({"pinned": [{"id": lost[4]}, {"id": there[2]}]})
        newsroom.store.curations.put(there[0], pinned, "editor")
        box = shown(recommender, there[0])
        assert box[0] == there[2]  # the other pin lies on the lost one
        assert new in box
        assert there[1] not in box
        for one in (*gone, there[1]):
            assert recommender.answer(one, 5) is None
        for one in (new, lost[3]):  # what changed is read from the store
            assert recommender.answer(one, 5) is not None
    whole_again(recommender)
    for article_id in (there[0], new, lost[5]):
        assert not {*gone, there[1]} & {*shown(recommender, article_id)}
    assert not {*gone, there[1]} & {*recommender.view().ids()}
    assert [*recommender.view().ids()].count(lost[3]) == 1
    assert {*shown(recommender, there[0])[:2]} == {lost[4], there[2]}
    assert all(recommender.answer(one, 5) is None for one in gone)
    newsroom.take(shortened(stories[8], "story-98"))  # with which numbers are looked up again
    assert len([*recommender.view().ids()]) == len(recommender.view()) == len(stories) - len(gone) - 1 + 2


def newsroom_article(newsroom: Newsroom, article_id: str) -> Article:
    article = newsroom.store.get(article_id)
    assert article is not None
    return article


def test_a_worker_that_starts_while_a_server_is_lost_answers_from_the_others(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any], tmp_path: Path
) -> None:
    elsewhere = newsroom.settings.model_copy(update={"index": tmp_path / "elsewhere"})
    with losing(0):  # whose word on what is live counts while it is there
        recommender = serving(replace(newsroom, settings=elsewhere))
        answer = recommender.answer(of_shard(stories, 2)[0], 5)
        assert answer is not None
        assert answer.partial
        assert recommender.snapshot == newsroom.live.name


def test_jobs_and_who_refuses_partial_answers_are_told_of_a_lost_server(
    newsroom: Newsroom, stories: list[Article], servers: Servers, losing: Callable[[int], Any]
) -> None:
    there, base = of_shard(stories, 0)[0], live_name(servers)
    pgvector = newsroom.settings.pgvector.model_copy(update={"partial": "refuse"})
    strict = serving(replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector})))
    batch = newsroom.recommender()
    newsroom.take(shortened(stories[6], "story-99"))
    assert strict.answer(there, 5) == batch.answer(there, 5)
    with losing(2):
        for recommender in (strict, batch):
            with pytest.raises(StoreUnreachableError, match="cannot be asked"):
                recommender.answer(there, 5, explain=True)
        with pytest.raises(StoreUnreachableError):
            newsroom.reindex(full=True)
        with pytest.raises(StoreUnreachableError):
            strict.check_searchable()
    assert live_name(servers) == base
    assert strict.answer(there, 5, explain=True) is not None
