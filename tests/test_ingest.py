from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from recommend.articles.article import Article, parse_article
from recommend.encoder import Encoder, encode_articles
from recommend.encoder.executors.local import LocalEngine
from recommend.ingest import IngestCounts, embed_missing, ingest, put
from recommend.settings import Settings
from recommend.store import Store

pytestmark = pytest.mark.databases


def article(article_id: str = "a", title: str = "Vote", **fields: object) -> Article:
    return parse_article({"id": article_id, "title": title, **fields})


class WatchedEncoder:
    """Notes the texts of each call, and may do something before it answers."""

    def __init__(self, encoder: Encoder) -> None:
        self.fingerprint, self.dimension, self.max_tokens = encoder.fingerprint, encoder.dimension, encoder.max_tokens
        self.language = encoder.language
        self.calls: list[list[str]] = []
        self.before: Callable[[], object] = lambda: None
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        self.before()
        return self._encoder.encode(texts)


class FaultyEncoder(WatchedEncoder):
    """Fails, or gives what is no number, where a text in the batch is poison."""

    def __init__(self, encoder: Encoder, bad: Exception | float) -> None:
        super().__init__(encoder)
        self._bad = bad

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = super().encode(texts)
        poison = [text.startswith("Poison") for text in texts]
        if not any(poison):
            return vectors
        if isinstance(self._bad, Exception):
            raise self._bad
        vectors[poison] = self._bad
        return vectors


@pytest.fixture
def watched(toy_encoder: Encoder) -> WatchedEncoder:
    return WatchedEncoder(toy_encoder)


@contextmanager
def nothing_written(settings: Settings) -> Iterator[None]:
    if settings.store.startswith("sqlite"):
        connection: Any = sqlite3.connect(settings.store.removeprefix("sqlite:///"))
        statements = ["PRAGMA data_version"]
    else:
        connection = psycopg.connect(settings.store, autocommit=True)
        statements = [f"SELECT ctid, xmin FROM {table}" for table in ("articles", "embeddings", "revision")]
    with closing(connection):
        before = [connection.execute(statement).fetchall() for statement in statements]
        yield
        assert [connection.execute(statement).fetchall() for statement in statements] == before


def test_articles_go_in_with_their_embeddings_and_a_second_time_nothing_happens(
    store: Store, settings: Settings, watched: WatchedEncoder, stories: list[Article]
) -> None:
    assert ingest(store, watched, stories) == IngestCounts(added=60, embedded=60)
    found = np.array([change.embedding for change in store.changes.since(0, "toy")], np.float32)
    assert found == pytest.approx(encode_articles(watched, stories), abs=1e-3)
    watched.calls.clear()
    with nothing_written(settings):
        assert ingest(store, watched, [*stories, *stories]) == IngestCounts(unchanged=60)
    assert watched.calls == []


def test_only_a_new_title_or_text_is_embedded_anew_and_equal_texts_once(store: Store, watched: WatchedEncoder) -> None:
    ingest(store, watched, [article("a"), article("b"), article("c")])
    assert watched.calls == [["Vote"]]
    counts = ingest(store, watched, [article("a", section="World"), article("b", text="More"), article("c")])
    assert counts == IngestCounts(changed=2, unchanged=1, embedded=1)
    assert watched.calls[1:] == [["Vote\nMore"]]
    assert store.counts("toy")["unembedded"] == 0


def test_of_two_rows_with_one_id_the_later_wins_across_batches(
    store: Store, watched: WatchedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.ingest.BATCH", 2)
    ingest(store, watched, [article("a", "1"), article("a", "2"), article("b", "3"), article("a", "4")])
    assert store.get("a") == article("a", "4")


def test_batches_before_a_failure_are_durable_and_the_next_run_goes_on_from_there(
    store: Store, watched: WatchedEncoder, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.ingest.BATCH", 10)
    watched.before = lambda: 1 / max(3 - len(watched.calls), 0)
    done: list[IngestCounts] = []
    with pytest.raises(ZeroDivisionError):
        ingest(store, watched, stories, progress=done.append)
    assert done == [IngestCounts(added=10, embedded=10)] * 2
    watched.before = lambda: None
    assert ingest(store, watched, stories) == IngestCounts(added=40, unchanged=20, embedded=40)


@pytest.mark.parametrize("bad", [ValueError("cannot be tokenised"), np.nan])
def test_a_text_that_cannot_be_embedded_is_listed_and_tried_again_and_costs_no_other(
    store: Store, toy_encoder: Encoder, stories: list[Article], bad: Exception | float
) -> None:
    encoder, told = FaultyEncoder(toy_encoder, bad), list[tuple[str, str]]()

    def on_failure(article_id: str, reason: str) -> None:
        told.append((article_id, reason))

    rows = [*stories, article("a", "Poison"), article("b", "Poison"), article("c", "Poison too")]
    counts = ingest(store, encoder, rows, on_failure=on_failure)
    assert counts == IngestCounts(added=63, embedded=60, failed=3)
    assert [article_id for article_id, _ in told] == ["a", "b", "c"]
    assert {reason for _, reason in told} <= {"cannot be tokenised", "an embedding has values that are not finite"}
    assert (store.get("b"), store.counts("toy")["unembedded"]) == (rows[-2], 3)
    assert ingest(store, encoder, rows) == IngestCounts(unchanged=63, failed=3)
    assert (embed_missing(store, encoder, LocalEngine(encoder, 1), on_failure=on_failure), len(told)) == (0, 6)
    assert embed_missing(store, toy_encoder) == 3


def test_without_an_encoder_articles_are_stored_and_wait_for_their_embeddings(
    store: Store, toy_encoder: Encoder, stories: list[Article]
) -> None:
    assert ingest(store, None, stories) == IngestCounts(added=60)
    assert ingest(store, None, stories) == IngestCounts(unchanged=60)
    assert embed_missing(store, toy_encoder) == 60


def test_a_nightly_file_does_not_bring_back_a_takedown(store: Store, watched: WatchedEncoder) -> None:
    ingest(store, watched, [article("a"), article("b")])
    store.delete("a")
    watched.calls.clear()
    assert ingest(store, watched, [article("a", "Changed"), article("b")]) == IngestCounts(unchanged=1, taken_down=1)
    assert (store.get("a"), watched.calls) == (None, [])
    assert ingest(store, watched, [article("a")], republish=True) == IngestCounts(added=1, embedded=1)
    assert store.get("a") == article("a")


def test_a_takedown_while_its_batch_is_being_embedded_holds(store: Store, watched: WatchedEncoder) -> None:
    ingest(store, watched, [article("a"), article("b")])
    watched.before = lambda: store.delete("a")
    counts = ingest(store, watched, [article("a", "Changed"), article("b", "Changed")])
    assert counts == IngestCounts(changed=1, taken_down=1, embedded=2)
    assert (store.get("a"), store.get("b")) == (None, article("b", "Changed"))


def test_missing_embeddings_are_made_batch_by_batch_once_and_without_a_new_revision(
    store: Store, toy_encoder: Encoder, other_toy_encoder: Encoder, stories: list[Article]
) -> None:
    ingest(store, toy_encoder, stories)
    sizes: list[int] = []
    assert embed_missing(store, other_toy_encoder, LocalEngine(other_toy_encoder, 25), progress=sizes.append) == 60
    assert (sizes, embed_missing(store, other_toy_encoder)) == ([25, 25, 10], 0)
    assert ingest(store, other_toy_encoder, stories) == IngestCounts(unchanged=60)
    assert store.counts("toy")["unembedded"] == store.counts("other toy")["unembedded"] == 0
    assert store.latest_revision() == 60


def test_putting_one_article_tells_its_revision_and_whether_it_is_new(
    store: Store, settings: Settings, watched: WatchedEncoder
) -> None:
    assert put(store, watched, article()) == (1, True)
    with nothing_written(settings):
        assert put(store, watched, article()) == (1, False)
    assert put(store, watched, article(section="World")) == (2, False)
    assert watched.calls == [["Vote"]]
    assert put(store, watched, article(title="Vote again")) == (3, False)
    store.delete("a")
    assert put(store, watched, article()) == (5, True)
    assert watched.calls == [["Vote"], ["Vote again"], ["Vote"]]
    assert (store.get("a"), store.counts("toy")["unembedded"]) == (article(), 0)
