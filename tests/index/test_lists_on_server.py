"""Ready lists on PostgreSQL: the boxes of the snapshot that they came with, and what was brought since among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from conftest import Newsroom
from recommend.articles.article import Article
from recommend.index.candidate_source import Listed, Search
from recommend.index.live import SnapshotView
from recommend.index.pgvector.server import Server
from recommend.index.pgvector.source import PgvectorSource
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

pytestmark = pytest.mark.databases("pgvector")


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """All that is asked of sources."""
    asked: list[object] = []
    find = PgvectorSource.find

    def noting(self: PgvectorSource, want: Any, gone: Any) -> Any:
        asked.append(want)
        return find(self, want, gone)

    monkeypatch.setattr(PgvectorSource, "find", noting)
    return asked


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """All statements that are asked meanwhile."""
    asked: list[object] = []
    ask = Server.ask

    def noting(self: Server, statement: Any, *given: Any, **how: Any) -> Any:
        asked.append(statement)
        return ask(self, statement, *given, **how)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "ask", noting)
        yield asked


def told(recommender: Recommender, article_id: str) -> list[tuple[object, ...]]:
    return [(item.id, item.score, item.reason) for item in recommender.related(article_id, 5)]


def shown(recommender: Recommender, article_id: str) -> list[str]:
    return [item.id for item in recommender.related(article_id, 5)]


def others(recommender: Recommender, article_id: str) -> list[str]:
    """The first of a box but for what was brought: that is compared by its neighbours' words, too, once it is, so that
    its score may move."""
    return [one for one in shown(recommender, article_id) if one != "story-99"][:4]


def reworded(article: Article, article_id: str) -> Article:
    words = article.text.split()
    return article.model_copy(update={"id": article_id, "title": " ".join(words[:6]), "text": " ".join(words[::2])})


def test_boxes_are_those_of_the_lists_of_the_snapshot(newsroom: Newsroom, stories: list[Article]) -> None:
    here = Recommender(
        newsroom.store, newsroom.settings, newsroom.encoder, view=SnapshotView(newsroom.layout, newsroom.live.name)
    )
    there = newsroom.recommender()
    for story in stories:
        assert told(there, story.id) == told(here, story.id)


def test_an_answer_from_a_list_takes_two_questions_and_none_once_it_was_given(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = newsroom.recommender().pinned()
    recommender.related("story-01", 5)
    with statements(monkeypatch) as asked:
        first = told(recommender, "story-00")
        assert len(asked) == 2
        assert told(recommender, "story-00") == first
        assert len(asked) == 2


def test_what_a_step_brings_ranks_among_lists_and_what_it_replaces_leaves_them(
    newsroom: Newsroom, stories: list[Article], wanted: list[object]
) -> None:
    pgvector = newsroom.settings.pgvector.model_copy(update={"changes": 0.5})
    sharing = replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector}))
    before = sharing.recommender()
    first = before.related("story-00", 5)[0].id
    sharing.store.delete(first)
    sharing.take(reworded(stories[6], "story-99"))
    unchanged = [story.id for story in stories if story.id != first]
    boxes = {one: others(before, one) for one in unchanged}
    holding = {one for one in unchanged if "story-99" in shown(before, one)}
    assert holding
    assert sharing.reindex().manifest.base is not None
    after = sharing.recommender()
    assert after.overlay_size == 0
    wanted.clear()
    assert {one: others(after, one) for one in unchanged} == boxes
    assert len(holding ^ {one for one in unchanged if "story-99" in shown(after, one)}) <= 2
    searches = [one for one in wanted if isinstance(one, Search)]
    assert {one.number for one in wanted if isinstance(one, Listed)}
    assert searches
    assert all(one.brought for one in searches)
    assert shown(after, "story-99") == shown(before, "story-99")
    sharing.take(reworded(stories[12], "story-99"))  # another step takes the place of what the first brought
    boxes = {one: others(before, one) for one in unchanged[::6]}
    sharing.reindex()
    assert {one: others(sharing.recommender(), one) for one in boxes} == boxes


def test_by_other_settings_than_lists_were_made_by_boxes_are_computed(newsroom: Newsroom, wanted: list[object]) -> None:
    recommender = newsroom.recommender()
    listed = told(recommender, "story-00")
    assert not [one for one in wanted if isinstance(one, Search)]
    other = recommender.with_settings(policy=PolicySettings(update_lexical=0.75))
    assert [one[0] for one in told(other, "story-00")] == [one[0] for one in listed]
    assert [one for one in wanted if isinstance(one, Search)]
