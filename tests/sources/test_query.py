"""Database queries as a source."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import URL, create_engine, text

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, read
from recommend.sources import query as query_source

if TYPE_CHECKING:
    from servers import Server

QUERY = "SELECT post_id AS id, headline AS title, body AS text, day AS published_at FROM posts ORDER BY post_id"


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/cms.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE posts (post_id INTEGER, headline TEXT, body TEXT, day TEXT)"))
        rows = [(1, "One", "<p>First</p>", "2026-01-05"), (2, None, "x", None), (3, "Three", None, None)]
        for row in rows:
            values = dict(zip("abcd", row, strict=True))
            connection.execute(text("INSERT INTO posts VALUES (:a, :b, :c, :d)"), values)
    engine.dispose()
    return url


def test_each_row_of_a_query_is_an_article_or_a_reject(database: str) -> None:
    one, two, three = read(database, query=QUERY)
    assert one == Article(id="1", title="One", text="First", published_at=datetime(2026, 1, 5, tzinfo=UTC))
    assert isinstance(two, Reject)
    assert (two.line, two.article_id, two.field) == (2, "2", "title")
    assert three == Article(id="3", title="Three")


def test_nulls_and_types_of_postgresql_are_understood(postgresql: Server) -> None:
    query = (
        "SELECT '6b4f7a52-0000-4000-8000-000000000001'::uuid AS id, 'One' AS title, ARRAY['a', 'b'] AS tags,"
        " timestamptz '2026-01-05 10:00:00+01' AS published_at, date '2026-01-06' AS updated_at,"
        " 7.50::numeric AS price, NULL AS section, '{\"a\": 1}'::jsonb AS meta"
    )
    with postgresql.database() as url:
        (row,) = read(url, query=query)
    assert isinstance(row, Article)
    assert row.id == str(UUID("6b4f7a52-0000-4000-8000-000000000001"))
    assert (row.tags, row.section) == (["a", "b"], None)
    assert row.published_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert row.updated_at is not None
    assert row.updated_at.date() == date(2026, 1, 6)
    assert row.extra == {"price": str(Decimal("7.50")), "meta": {"a": 1}}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, "a database needs a query: give one with --query"),
        ("SELECT nonsense", "no such column: nonsense"),
        ("SELECT 1 AS id", "has no column that is the title"),
        ("DELETE FROM posts", "attempt to write a readonly database"),
        ("DROP TABLE posts", "attempt to write a readonly database"),
        ("BEGIN", "write a SELECT|within a transaction"),
    ],
)
def test_a_query_that_gives_no_articles_is_refused(database: str, query: str | None, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read(database, query=query))
    assert len(list(read(database, query=QUERY))) == 3


@pytest.mark.parametrize("url", ["postgresql://ann:secret@127.0.0.1:1/cms", "mysql://ann:secret@127.0.0.1:1/cms"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        list(read(url, query=QUERY))
    assert "127.0.0.1:1/cms" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "#1.db", "ü.db"])
def test_a_file_of_any_name_is_opened_for_reading_and_none_is_made(tmp_path: Path, name: str) -> None:
    url = URL.create("sqlite", database=str(tmp_path / name))
    with pytest.raises(SourceError, match="unable to open database file"):
        list(read(url.render_as_string(), query="SELECT 1 AS id, 'x' AS title"))
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(tmp_path / name)) as connection, connection:
        connection.execute("CREATE TABLE posts (id, title)")
        connection.execute("INSERT INTO posts VALUES (1, 'x')")
    (row,) = read(url.render_as_string(), query="SELECT * FROM posts")
    assert isinstance(row, Article)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "query",
    ["DROP TABLE posts", "DELETE FROM posts RETURNING id, title", "SELECT 1 AS id, 'x' AS title; DROP TABLE posts"],
)
def test_a_query_of_postgresql_changes_nothing(postgresql: Server, query: str) -> None:
    with postgresql.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE posts (id integer, title text)"))
            connection.execute(text("INSERT INTO posts VALUES (1, 'x')"))
        with pytest.raises(SourceError):
            list(read(url, query=query))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM posts")).scalar_one() == 1
        engine.dispose()


def test_a_query_of_postgresql_does_not_run_for_ever(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_source, "_STATEMENT_SECONDS", 1)
    with postgresql.database() as url, pytest.raises(SourceError, match="statement timeout"):
        list(read(url, query="SELECT pg_sleep(60)::text AS id, 'x' AS title"))
