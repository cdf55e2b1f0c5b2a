from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from recommend.articles.article import Article, parse_article
from recommend.index.live import LiveView
from recommend.index.segment import Segment
from recommend.index.snapshot.kept import _digest
from recommend.index.snapshot.open import Snapshot

if TYPE_CHECKING:
    from conftest import Newsroom

FEW = 4


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few changes are worth a file."""
    for module in ("snapshot.kept", "live"):
        monkeypatch.setattr(f"recommend.index.{module}.MANY", FEW)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the articles that were prepared, as it happens."""
    ids, prepare = list[str](), Snapshot.prepare

    def noted(snapshot: Snapshot, article: Article, embedding: object) -> object:
        ids.append(article.id)
        return prepare(snapshot, article, embedding)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshot, "prepare", noted)
    return ids


def variants(stories: list[Article], count: int, word: str = "new") -> list[Article]:
    fields = {"tags": ["Harbour"], "authors": ["Ann Lee"], "published_at": "2026-01-05T10:00:00Z", "language": "en"}
    return [parse_article({**s.model_dump(), **fields, "title": f"{s.title} {word}"}) for s in stories[:count]]


def opened(newsroom: Newsroom, *, serving: bool = True) -> LiveView:
    """A worker that has opened the index, and kept what is to be kept."""
    live = LiveView(newsroom.store, newsroom.layout, serving=serving)
    settle()
    return live


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "changes":
            thread.join()


def files(newsroom: Newsroom) -> list[Path]:
    return sorted(newsroom.layout.changes.rglob("*.arrow"))


def assert_same(left: Segment, right: Segment) -> None:
    assert left.table.batch == right.table.batch
    for name in ("embeddings", "groups", "lengths"):
        assert np.array_equal(getattr(left, name), getattr(right, name))
    for name in ("matrix", "tags", "authors", "titles", "backlinks"):
        one, other = getattr(left, name).rows, getattr(right, name).rows
        assert all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("indptr", "indices"))
        assert np.array_equal(one.data, other.data, equal_nan=True)
    for context, same in zip(left.contexts, right.contexts, strict=True):
        assert np.array_equal(context.terms, same.terms)
        assert np.array_equal(context.weights, same.weights)


def test_whoever_opens_beside_kept_changes_prepares_none_and_has_the_same_to_the_bit(
    newsroom: Newsroom, stories: list[Article], prepared: list[str]
) -> None:
    newsroom.take(*variants(stories, 6))
    newsroom.store.put([(variants(stories, 8)[7], None)], "toy")  # one that is not embedded
    first = opened(newsroom).refresh()
    assert len(prepared) == 7
    second = opened(newsroom, serving=False).refresh()
    assert len(prepared) == 7
    assert_same(first.segments[1], second.segments[1])
    assert len(files(newsroom)) == 1


def test_an_article_that_changed_again_or_was_embedded_since_is_prepared_anew(
    newsroom: Newsroom, stories: list[Article], prepared: list[str]
) -> None:
    bare = variants(stories, 6)[5]
    newsroom.store.put([(bare, None)], "toy")
    newsroom.take(*variants(stories, 5))
    opened(newsroom)
    prepared.clear()
    newsroom.take(*variants(stories, 1, "newer"))
    vector = newsroom.encoder.encode([bare.title])[0]
    newsroom.store.embeddings.put([(bare, vector)], newsroom.encoder.fingerprint, bump_revision=True)
    opened(newsroom)
    assert sorted(prepared) == [stories[0].id, bare.id]


def test_what_a_worker_prepares_while_it_serves_is_kept_and_by_one_of_them_only(
    newsroom: Newsroom, stories: list[Article], prepared: list[str]
) -> None:
    workers = [opened(newsroom), opened(newsroom)]
    newsroom.take(*variants(stories, 5))
    for worker in workers:
        worker.refresh()
        settle()
    assert len(files(newsroom)) == 1
    prepared.clear()
    opened(newsroom)
    assert prepared == []


def test_few_changes_are_not_kept_and_none_by_whoever_does_not_serve(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom.take(*variants(stories, FEW - 1))
    opened(newsroom)
    newsroom.take(*variants(stories, FEW + 1))
    opened(newsroom, serving=False)
    assert files(newsroom) == []


@pytest.mark.parametrize("damage", [b"", b"\x00"])
def test_a_damaged_file_is_told_of_and_its_articles_are_prepared_anew(
    newsroom: Newsroom, stories: list[Article], prepared: list[str], caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    newsroom.take(*variants(stories, 5))
    opened(newsroom)
    file = files(newsroom)[0]
    content = file.read_bytes()
    file.write_bytes(damage + content[len(damage) : -8])
    prepared.clear()
    opened(newsroom, serving=False)
    assert len(prepared) == 5
    assert f"saved changes in {file} are unusable and are prepared again: its content is not what it was" in caplog.text


def test_files_of_what_has_changed_again_go_once_they_outweigh_the_rest(
    newsroom: Newsroom, stories: list[Article], prepared: list[str]
) -> None:
    live = opened(newsroom)
    for number in range(7):
        newsroom.take(*variants(stories, FEW, f"version{'abcdefg'[number]}"))
        live.refresh()
        settle()
        assert len(files(newsroom)) <= 3
    prepared.clear()
    opened(newsroom)
    assert prepared == []


def test_what_was_kept_goes_with_its_snapshot(newsroom: Newsroom, stories: list[Article]) -> None:
    newsroom.take(*variants(stories, 5))
    opened(newsroom)
    assert len(files(newsroom)) == 1
    newsroom.indexing(keep=1).reindex()
    assert files(newsroom) == []
    assert not any(newsroom.layout.changes.iterdir())


def test_where_nothing_can_be_kept_changes_are_served_all_the_same(
    newsroom: Newsroom, stories: list[Article], caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.layout.changes.write_bytes(b"")  # where a folder would be
    newsroom.take(*variants(stories, FEW + 2))
    with caplog.at_level("INFO"):
        view = opened(newsroom).refresh()
    assert (len(view), len(view.segments[1])) == (60, FEW + 2)
    assert "prepared changes were not saved: " in caplog.text
    assert "are prepared again: " in caplog.text


def test_a_file_of_other_columns_is_told_of_and_its_articles_are_prepared_anew(
    newsroom: Newsroom, stories: list[Article], prepared: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.take(*variants(stories, FEW + 2))
    opened(newsroom)
    [file] = files(newsroom)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, pa.schema([("key", pa.binary())])) as writer:
        writer.write_table(pa.table({"key": [b"k"]}))
    other = sink.getvalue().to_pybytes()
    file.unlink()
    file.with_name(f"{_digest(other)}.arrow").write_bytes(other)
    prepared.clear()
    opened(newsroom)
    assert len(prepared) == FEW + 2
    assert "it has other columns" in caplog.text
