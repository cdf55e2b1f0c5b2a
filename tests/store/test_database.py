"""Databases that are not as they should be: empty, of an older release, unwilling."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from recommend.articles.article import Article
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store


def run(url: str, statements: str) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.executescript(statements)


def test_who_only_reads_begins_no_store_in_an_empty_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    run(url, "CREATE TABLE other (x); DROP TABLE other")
    with pytest.raises(StoreError, match="is empty; recommend ingest or recommend restore begins one"):
        Store(url, readonly=True)


def test_who_only_reads_migrates_nothing_and_takes_an_older_schema_only_if_told_to(
    store: Store, settings: Settings
) -> None:
    run(settings.store, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreError, match=r"has schema 0001, older than \d+: recommend ingest, reindex and serve"):
        Store(settings.store, readonly=True)
    with closing(Store(settings.store, readonly=True, any_schema=True)) as opened:
        assert opened.latest_revision() == 0


def test_a_change_that_the_database_refuses_is_told_and_leaves_no_revision(store: Store, settings: Settings) -> None:
    run(
        settings.store,
        "CREATE TRIGGER full BEFORE INSERT ON articles BEGIN SELECT RAISE(ABORT, 'disk quota exceeded'); END",
    )
    with pytest.raises(StoreError, match="store: the change was not written: disk quota exceeded"):
        store.put([(Article(id="a", title="Storm"), None)], "toy")
    assert store.latest_revision() == 0
    run(settings.store, "DROP TRIGGER full")
    store.put([(Article(id="a", title="Storm"), None)], "toy")
    assert store.get("a") is not None
