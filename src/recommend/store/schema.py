"""Tables of the store. Migrations in ``migrations/`` create them; a test holds the two against each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
)

HEAD = "0010"


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware moment, kept in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Name(TypeDecorator[str]):
    """An id or URL. One that is asked for may hold a NUL, which PostgreSQL refuses to look for; none that is stored
    holds any control character, so that another one finds as little."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\x00", "\x01") if value is not None and dialect.name == "postgresql" else value


metadata = MetaData()

articles = Table(
    "articles",
    metadata,
    Column("id", Name, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("content_hash", LargeBinary(32), nullable=False),
    Column("text_hash", LargeBinary(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("summary", Text),
    Column("url", Text),
    Column("canonical_url", Name),
    Column("image_url", Text),
    Column("published_at", UtcDateTime),
    Column("updated_at", UtcDateTime),
    Column("section", Text),
    Column("tags", JSON, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("language", Text),
    Column("site", Text),
    Column("genre", Text),
    Column("status", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("access", Text, nullable=False, server_default="public"),
    Column("evergreen", Boolean, nullable=False, server_default=false()),
    Column("links_to", JSON, nullable=False, server_default="[]"),
    Column("extra", JSON, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index("articles_by_revision", "revision", unique=True),
    Index("articles_by_canonical_url", "canonical_url", postgresql_using="hash"),  # a B-tree there has short keys only
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("article_id", Name, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("text_hash", LargeBinary(32), nullable=False),
    Column("vector", LargeBinary, nullable=False),
)

counter = Table(
    "revision",
    metadata,
    Column("singleton", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

curation = Table(
    "curation",
    metadata,
    Column("article_id", Name, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("pinned", JSON, nullable=False),
    Column("blocked", JSON, nullable=False),
    Column("hidden_until", UtcDateTime),
    Index("curation_by_revision", "revision", unique=True),
)

curation_log = Table(
    "curation_log",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("article_id", Name, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("curation_log_by_article", "article_id"),
)

rules = Table(  # every document that was ever put; the last one holds
    "rules",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("document", JSON, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("key_hash", LargeBinary(32), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request_id", Text),
    Column("article_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("variant", Text),
    Column("impression", Text),
    Column("view", Text),
    Column("unit", Text),
    Column("settings", Text),
    Column("base", Integer),
    Column("up", Float, nullable=False, server_default="0"),
    Column("down", Float, nullable=False, server_default="0"),
    Column("team", Integer, nullable=False, server_default="0"),
    Column("identity", LargeBinary(16)),
    Index("events_by_time", "happened_at"),
    Index("events_by_identity", "identity", unique=True),
)

refused_events = Table(  # counts alone: what is refused may be anything, and any amount of it
    "refused_events",
    metadata,
    Column("day", Date, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary(32), nullable=False),
)

lineage = Table(  # a row when the store is made, one more for each restore: what lies between is rolled back
    "lineage",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("since", BigInteger, nullable=False),
    Column("store", Text, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
)


boilerplate = Table(  # one row: what was found when the articles of a revision were counted
    "boilerplate",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("identities", LargeBinary, nullable=False),
)


def tombstone(revision: int) -> dict[str, object]:
    """What stays of an article that is taken down: its id, and when that was."""
    blank: dict[str, object] = dict.fromkeys(column.name for column in articles.c if column.nullable)
    blank.update(title="", text="", tags=[], authors=[], extra={}, content_hash=b"", text_hash=b"")
    blank.update(access="public", evergreen=False, links_to=[])
    return {**blank, "status": "unpublished", "revision": revision, "deleted_at": datetime.now(UTC)}
