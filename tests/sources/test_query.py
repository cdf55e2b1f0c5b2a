"""Database queries as a source."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from recommend.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, read

if TYPE_CHECKING:
    from conftest import Server

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
        ("SELECT 1 AS id", "has no column 'title'"),
        ("DELETE FROM posts", "the query gives no rows: write a SELECT"),
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
