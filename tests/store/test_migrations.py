"""Stores of earlier and newer releases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from recommend.articles.article import Access, Article, parse_article
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store import store as store_package
from recommend.store.database import open_engine
from recommend.store.schema import HEAD, metadata
from statements import sql

pytestmark = pytest.mark.databases


def article(article_id: str = "a", title: str = "Vote", **fields: object) -> Article:
    return parse_article({"id": article_id, "title": title, **fields})


def downgrade(url: str, version: str) -> None:
    """Makes the store one of an earlier release."""
    engine, config = open_engine(url), Config()
    config.set_main_option("script_location", str(Path(store_package.__file__).parent / "migrations"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, version)
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_schema(settings: Settings) -> None:
    engine = open_engine(settings.store)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()
    assert ScriptDirectory(str(Path(store_package.__file__).parent / "migrations")).get_heads() == [HEAD]


def test_a_store_of_an_earlier_release_believes_what_its_source_said_of_access(settings: Settings) -> None:
    told: dict[str, tuple[dict[str, object], Access]] = {
        "nothing": ({}, Access.PUBLIC),
        "null": ({"access": None}, Access.PUBLIC),
        "free": ({"access": "Free "}, Access.PUBLIC),
        "paid": ({"access": "paid"}, Access.PAID),
        "unknown": ({"access": "level 3"}, Access.PAID),
        "list": ({"access": ["public"]}, Access.PAID),
        "ghost": ({"visibility": "members"}, Access.MEMBERS),
        "page": ({"isAccessibleForFree": False}, Access.PAID),
        "open page": ({"isAccessibleForFree": True}, Access.PUBLIC),
        "both": ({"access": "paid", "visibility": "public"}, Access.PAID),
    }
    with closing(Store(settings.store)) as store:
        store.put([(article(name, extra=extra), None) for name, (extra, _) in told.items()], "toy")
    downgrade(settings.store, "0003")
    with closing(Store(settings.store)) as store:
        found = {name: one for name in told if (one := store.get(name)) is not None}
        assert {name: one.access for name, one in found.items()} == {name: access for name, (_, access) in told.items()}
        assert not any(one.evergreen for one in found.values())
        store.delete("paid")
    assert sql(settings.store, "SELECT access FROM articles WHERE id = 'paid'") == [("public",)]


def test_addresses_that_an_older_release_stored_are_found_by_the_rule_of_this_one(settings: Settings) -> None:
    urls = {"a": "https://news.example/read.php?1400", "b": "https://news.example/read.php?1401"}
    with closing(Store(settings.store)) as store:
        store.put([(article(id_, url=url), None) for id_, url in urls.items()], "toy")
    sql(settings.store, "UPDATE articles SET canonical_url = 'https://news.example/read.php'")
    downgrade(settings.store, "0004")
    with closing(Store(settings.store)) as store:
        assert {id_: store.find_url(url) for id_, url in urls.items()} == {"a": "a", "b": "b"}


def test_a_store_of_a_newer_release_is_refused_and_left_alone(store: Store, settings: Settings) -> None:
    store.close()
    sql(settings.store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=f"schema 9999, newer than {HEAD}: use a newer release"):
        Store(settings.store)
    assert sql(settings.store, "SELECT version_num FROM alembic_version") == [("9999",)]
