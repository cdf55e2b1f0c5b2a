from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import orjson
import pytest

from recommend.articles.article import Article, parse_article
from recommend.articles.boilerplate import identity
from recommend.store import Store
from recommend_service.cache import articles as stored
from recommend_service.cache.articles import ArticlesCache

FINGERPRINT = "0" * 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{tmp_path / 'recommend.db'}")) as store:
        yield store


def put(store: Store, article_id: str, **fields: object) -> Article:
    article = parse_article({"id": article_id, "title": "Storks return early", **fields})
    store.put([(article, None)], FINGERPRINT)
    return article


@pytest.fixture
def read(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the articles that the store is read for."""
    ids: list[str] = []
    get: Callable[[str], Article | None] = store.get

    def noted(article_id: str) -> Article | None:
        ids.append(article_id)
        return get(article_id)

    monkeypatch.setattr(store, "get", noted)
    return ids


def test_an_article_is_read_once_until_it_changes_itself(store: Store, read: list[str]) -> None:
    articles = ArticlesCache(store)
    put(store, "storks")
    first, again = articles.get("storks"), articles.get("storks")
    assert first is not None
    assert again is first
    assert read == ["storks"]
    put(store, "another")
    assert articles.get("storks") is first
    assert read == ["storks"]
    put(store, "storks", title="Storks return late")
    changed = articles.get("storks")
    assert changed is not None
    assert changed.article.title == "Storks return late"
    assert read == ["storks"] * 2


def test_of_many_changes_at_once_none_is_missed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_MOST_CHANGES", 3)
    articles = ArticlesCache(store)
    put(store, "storks")
    assert articles.get("storks") is not None
    for number in range(4):
        put(store, f"other {number}")
    store.delete("storks")
    assert articles.get("storks") is None


def test_cards_are_made_anew_once_other_sentences_count_for_nothing(store: Store) -> None:
    articles = ArticlesCache(store)
    said = "Sign up for our newsletter to read more about birds every morning."
    put(store, "storks", text=f"{said}\n\nStorks are back in the valley.")
    before = articles.get("storks")
    assert before is not None
    store.boilerplate.settle(np.array([identity(said, "")], np.uint64), store.latest_revision(), ["storks"])
    put(store, "another")
    after = articles.get("storks")
    assert after is not None
    assert said in orjson.loads(before.card)["summary"]
    assert said not in orjson.loads(after.card)["summary"]


def test_a_path_leads_to_what_is_kept_as_long_as_the_store_holds_no_later_revision(store: Store) -> None:
    articles = ArticlesCache(store)
    put(store, "storks")
    first = articles.get("storks")
    articles.lead(b"/storks", "storks")
    revision = store.latest_revision()
    assert articles.at(b"/storks", revision) is first
    assert articles.at(b"/another", revision) is None
    put(store, "another")
    assert articles.at(b"/storks", store.latest_revision()) is None
    articles.get("another")
    assert articles.at(b"/storks", store.latest_revision()) is first
    store.delete("storks")
    articles.get("another")
    assert articles.at(b"/storks", store.latest_revision()) is None


def test_what_another_process_changed_or_took_down_is_not_shown_as_it_was(store: Store, tmp_path: Path) -> None:
    articles = ArticlesCache(store)
    put(store, "storks")
    assert articles.get("storks") is not None
    with closing(Store(f"sqlite:///{tmp_path / 'recommend.db'}")) as other:
        changed = put(other, "storks", title="Storks return late")
        found = articles.get("storks")
        assert found is not None
        assert found.article == changed
        assert orjson.loads(found.card)["title"] == "Storks return late"
        other.delete("storks")
        assert articles.get("storks") is None
        assert articles.get("storks") is None


def test_what_is_kept_is_bounded_in_bytes(store: Store, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_KEPT_BYTES", 18_000)
    articles = ArticlesCache(store)
    for name, length in (("a", 1_000), ("b", 1_000), ("c", 1_000), ("long", 6_000)):
        put(store, name, text="x" * length)
    for name in ("a", "b", "b", "a", "c", "a", "b", "long", "long"):
        assert articles.get(name) is not None
    assert read == ["a", "b", "c", "b", "long", "long"]
