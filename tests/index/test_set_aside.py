"""A row that cannot be used is one row's matter, whatever an older release or a hand put into the store."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from recommend.articles.article import Article, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.index.live import LiveView
from recommend.index.table import row_of
from recommend.ingest import put
from recommend.jobs.status import read_status, set_aside
from recommend.store.rows import VECTOR_DTYPE

if TYPE_CHECKING:
    from conftest import Newsroom

BAD = "story-07"
NEXT = "UPDATE revision SET value = value + 1"
CHANGED = f"{NEXT}; UPDATE articles SET revision = (SELECT value FROM revision), {{}} WHERE id = '{BAD}'"
EMBEDDED = f"{CHANGED.format('genre = genre')}; UPDATE embeddings SET vector = {{}} WHERE article_id = '{BAD}'"

DAMAGE: dict[str, tuple[str, str]] = {
    "tags that are no JSON": (CHANGED.format("tags = '[\"a'"), "tags cannot be read: unexpected end"),
    "tags that are a number": (CHANGED.format("tags = '{}'"), "tags is not a list of strings"),
    "tags that are numbers": (CHANGED.format("tags = '[1, 2]'"), "tags is not a list of strings"),
    "no authors": (CHANGED.format("authors = 'null'"), "authors is not a list of strings"),
    "100,000 tags": (
        CHANGED.format("tags = (SELECT json_group_array(printf('tag %d', value)) FROM generate)").replace(
            "UPDATE articles",
            "WITH RECURSIVE generate(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate "
            "LIMIT 100000) UPDATE articles",
        ),
        "tags has 100000 entries",
    ),
    "extra that is a list": (CHANGED.format("extra = '[]'"), "extra is not an object"),
    "a text of ten megabytes": (
        CHANGED.format("text = replace(hex(zeroblob(5000000)), '00', 'x.')"),
        "text has 10000000 characters, more than",
    ),
    "a title that is bytes": (CHANGED.format("title = x'fffe41'"), "title is not a string"),
    "a title that is no UTF-8": (
        CHANGED.format("title = CAST(x'fffe41' AS TEXT)"),
        "title cannot be read: Could not decode",
    ),
    "a date that is none": (CHANGED.format("published_at = 'yesterday'"), "yesterday"),
    "a date that is a number": (CHANGED.format("expires_at = 17"), "expires_at cannot be read"),
    "an embedding of half a value": (EMBEDDED.format("x'00'"), "1 bytes, no whole number of values"),
    "an embedding of another length": (EMBEDDED.format("x'003c003c'"), "2 != 48 values"),
    "an embedding without length": (EMBEDDED.format("x''"), "0 != 48 values"),
    "an embedding of nothing": (EMBEDDED.format("zeroblob(96)"), "its embedding is zero"),
    "an embedding that is no number": (EMBEDDED.format(f"x'{'007e' * 48}'"), "values that are not finite"),
    "an embedding that is infinite": (EMBEDDED.format(f"x'{'007c' * 48}'"), "values that are not finite"),
    "an embedding that is text": (EMBEDDED.format("'no bytes'"), "its embedding is not bytes but str"),
}


def spoil(newsroom: Newsroom, statements: str) -> None:
    with closing(sqlite3.connect(newsroom.settings.store.removeprefix("sqlite:///"))) as connection:
        connection.executescript(f"{statements};")


@pytest.fixture
def damaged(newsroom: Newsroom, request: pytest.FixtureRequest) -> tuple[Newsroom, str]:
    """A newsroom with a row that cannot be used, and what is wrong with it."""
    statements, reason = DAMAGE[request.param]
    live = LiveView(newsroom.store, newsroom.layout)
    spoil(newsroom, statements)
    view = live.refresh()  # of a process that runs
    assert BAD in view.set_aside
    return newsroom, reason


@pytest.mark.parametrize("damaged", DAMAGE, indirect=True)
def test_a_row_that_cannot_be_used_is_set_aside_and_named_by_readers_and_by_the_job(
    damaged: tuple[Newsroom, str], caplog: pytest.LogCaptureFixture
) -> None:
    newsroom, reason = damaged
    with caplog.at_level(logging.ERROR):
        recommender = newsroom.recommender()
    assert list(recommender.set_aside) == [BAD]
    assert reason in recommender.set_aside[BAD]
    assert len(recommender.set_aside[BAD]) <= 200
    assert f"'{BAD}' is set aside" in caplog.text
    assert recommender.answer(BAD, 5) is None
    assert BAD not in {one.id for one in recommender.related("story-01", 60)}
    assert len(recommender) == 59
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    assert len(recommender) == 60
    assert reason in set_aside(newsroom.store, newsroom.settings)[BAD]

    result = newsroom.reindex(full=True)
    assert (list(result.set_aside), result.manifest.articles) == ([BAD], 60)
    assert reason in result.set_aside[BAD]
    assert list(LiveView(newsroom.store, newsroom.layout).refresh().set_aside) == [BAD]
    assert list(read_status(newsroom.store, newsroom.settings).set_aside) == [BAD]
    again = newsroom.reindex()
    mended = "its embedding" in result.set_aside[BAD]  # which can be made anew
    assert (list(again.set_aside), again.manifest.articles) == (([], 61) if mended else ([BAD], 60))


@pytest.mark.parametrize("damaged", ["tags that are no JSON", "a title that is no UTF-8"], indirect=True)
@pytest.mark.parametrize("how", ["put", "ingest"])
def test_a_row_that_is_sent_again_as_it_was_has_its_place_again(
    damaged: tuple[Newsroom, str], stories: list[Article], how: str
) -> None:
    newsroom, _ = damaged
    live = LiveView(newsroom.store, newsroom.layout)
    if how == "put":
        put(newsroom.store, newsroom.encoder, stories[7])
    else:  # by the next night's file
        newsroom.reindex(full=True)
        newsroom.take(stories[7])
    view = live.refresh()
    assert (dict(view.set_aside), view.locate(BAD) is not None) == ({}, True)
    result = newsroom.reindex()
    assert (dict(result.set_aside), result.manifest.articles) == ({}, 60)


def test_a_row_that_is_not_published_is_nobodys_matter(newsroom: Newsroom) -> None:
    spoil(newsroom, CHANGED.format("status = 'draft', tags = '5'"))
    assert dict(LiveView(newsroom.store, newsroom.layout).refresh().set_aside) == {}
    assert newsroom.store.get(BAD) is None
    assert dict(newsroom.reindex(full=True).set_aside) == {}


def test_rows_at_fault_cost_no_other_its_embedding(newsroom: Newsroom, stories: list[Article]) -> None:
    many = [story.model_copy(update={"id": f"{story.id}-{n}"}) for story in stories for n in range(40)]
    newsroom.store.put([(article, None) for article in many], "toy")
    bad = {many[place].id for place in (0, 1, 700, 1023, 1024, 2399)}
    names = ", ".join(f"'{one}'" for one in bad)
    spoil(newsroom, f"UPDATE articles SET authors = '[' WHERE id IN ({names})")
    result = newsroom.reindex()
    assert (result.embedded, result.failed) == (len(many) - len(bad), 0)
    assert result.set_aside.keys() == bad
    assert result.manifest.articles == 60 + len(many) - len(bad)
    assert [one.id for one in newsroom.store.embeddings.lacking("toy", 9)] == []


def test_an_article_whose_preparation_fails_is_set_aside(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(article: Article) -> Any:
        if article.id == "poison":
            raise RecursionError("maximum recursion depth exceeded")
        return row_of(article)

    monkeypatch.setattr("recommend.index.snapshot.open.row_of", fails)
    monkeypatch.setattr("recommend.index.snapshot.incremental.row_of", fails)
    newsroom.take(parse_article({"id": "poison", "title": "Poison"}), parse_article({"id": "well", "title": "Well"}))
    recommender = newsroom.recommender()
    assert dict(recommender.set_aside) == {"poison": "maximum recursion depth exceeded"}
    assert recommender.answer("well", 5) is not None
    result = newsroom.reindex()
    assert (dict(result.set_aside), result.manifest.articles) == (dict(recommender.set_aside), 61)


@pytest.mark.parametrize("value", ["pinned = '['", "blocked = '5'", "hidden_until = 'soon'"])
def test_a_curation_that_cannot_be_read_hides_its_article_until_there_is_another(
    newsroom: Newsroom, value: str
) -> None:
    blocked = Curation(blocked=(Choice(id="story-13"),), hidden_until=datetime.now(UTC) - timedelta(days=1))
    newsroom.store.curations.put(BAD, blocked, "editor")
    newsroom.store.curations.put("story-01", Curation(pinned=(Choice(id="story-02"),)), "editor")
    running = newsroom.recommender()
    spoil(
        newsroom,
        f"{NEXT}; UPDATE curation SET revision = (SELECT value FROM revision), {value} WHERE article_id = '{BAD}'",
    )
    for recommender in (running, newsroom.recommender()):
        assert BAD not in {one.id for one in recommender.related("story-01", 60)}
        assert recommender.related("story-01", 1)[0].id == "story-02"
        assert "its curation cannot be read" in recommender.set_aside[BAD]
    newsroom.store.curations.put(BAD, Curation(), "editor")
    assert BAD in {one.id for one in running.related("story-01", 60)}
    assert dict(running.set_aside) == {}


def test_the_commands_name_what_is_set_aside_and_the_job_exits_with_3(
    newsroom: Newsroom, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom = replace(newsroom, encoder=encoder)
    newsroom.reindex()
    spoil(newsroom, CHANGED.format("tags = '{}'"))
    monkeypatch.setenv("RECOMMEND_MODELS", str(newsroom.settings.models))
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    named = f"1 articles are set aside, send them again: '{BAD}': tags is not a list of strings"

    for options in (["--full"], []):
        status = CliRunner().invoke(app, [*where, "status"])
        assert named in " ".join(status.stdout.split())
        told = orjson.loads(CliRunner().invoke(app, [*where, "status", "--json"]).stdout)
        assert told["set_aside"] == {BAD: "tags is not a list of strings"}
        doctor = CliRunner().invoke(app, [*where, "doctor"])
        assert (doctor.exit_code, named in " ".join(doctor.stdout.split())) == (1, True)
        job = CliRunner().invoke(app, [*where, "reindex", *options])
        assert (job.exit_code, f"'{BAD}' is set aside" in " ".join(job.stderr.split())) == (3, True)
    job = CliRunner().invoke(app, [*where, "reindex", "--json"])
    assert (job.exit_code, orjson.loads(job.stdout)["set_aside"]) == (3, told["set_aside"])


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("value", ["tags = '5'", "published_at = 'infinity'", "text = repeat('x.', 5000000)"])
def test_a_row_that_cannot_be_used_is_set_aside_on_postgresql_too(newsroom: Newsroom, value: str) -> None:
    live = LiveView(newsroom.store, newsroom.layout)
    with newsroom.store.engine.begin() as connection:
        connection.exec_driver_sql(NEXT)
        where = f"WHERE id = '{BAD}'"
        connection.exec_driver_sql(f"UPDATE articles SET revision = (SELECT value FROM revision), {value} {where}")
    newsroom.take(parse_article({"id": "new", "title": "New"}))  # which others notice at once
    view = live.refresh()
    assert (list(view.set_aside), len(view)) == ([BAD], 60)
    result = newsroom.reindex(full=True)
    assert (list(result.set_aside), result.manifest.articles) == ([BAD], 60)


def test_embeddings_are_kept_as_half_floats() -> None:
    assert VECTOR_DTYPE.itemsize == 2  # what the damage above is made for


def test_a_row_whose_hash_is_no_bytes_is_set_aside_by_the_job_alone(newsroom: Newsroom) -> None:
    with closing(sqlite3.connect(newsroom.settings.store.removeprefix("sqlite:///"))) as connection, connection:
        connection.executescript(CHANGED.format("content_hash = 'str'"))
    assert newsroom.recommender().related("story-01", k=5)
    assert "content_hash is not bytes" in newsroom.reindex().set_aside[BAD]
