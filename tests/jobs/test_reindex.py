from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from recommend.articles.article import Article, Status, parse_article
from recommend.encoder import Encoder
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked, publish
from recommend.jobs.reindex import Progress, reindex
from recommend.settings import Settings
from recommend.store.schema import lineage

if TYPE_CHECKING:
    from conftest import Newsroom, OpenNewsroom

COMMAND = [sys.executable, "-W", "error", "-c"]


def recommend(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    program = [*COMMAND, "from recommend.cli import main; main()", "--store", settings.store, "--index"]
    command = [*program, str(settings.index), *arguments]
    env = os.environ | settings.environment()
    return subprocess.run(command, capture_output=True, text=True, cwd=settings.models.parent, check=False, env=env)


def test_nothing_is_built_unless_something_changed_or_a_full_build_is_asked_for(newsroom: Newsroom) -> None:
    live = newsroom.live
    again = newsroom.reindex()
    assert (again.manifest, again.built, again.embedded) == (live, False, 0)
    full = newsroom.reindex(full=True)
    assert full.built
    assert newsroom.live.name == full.manifest.name != live.name
    assert full.manifest.sha256 == live.sha256


@pytest.mark.parametrize(
    ("change", "articles"), [("put", 61), ("delete", 59), ("draft", 59), ("kind", 60), ("encoder", 60)]
)
def test_any_change_that_matters_makes_a_new_snapshot(
    newsroom: Newsroom, other_toy_encoder: Encoder, stories: list[Article], change: str, articles: int
) -> None:
    match change:
        case "put":
            newsroom.take(parse_article({"id": "new", "title": "New"}))
        case "delete":
            newsroom.store.delete("story-00")
        case "draft":
            newsroom.take(stories[0].model_copy(update={"status": Status.DRAFT}))
        case "kind":
            newsroom = newsroom.indexing(kind="ivf-sq8")
        case "encoder":
            newsroom = replace(newsroom, encoder=other_toy_encoder)
    result = newsroom.reindex()
    assert (result.built, result.embedded) == (True, 60 if change == "encoder" else 0)
    manifest = verify(newsroom.layout, newsroom.live.name)
    assert (manifest.articles, manifest.revision) == (articles, newsroom.store.latest_revision())
    assert (manifest.encoder, manifest.kind) == (
        newsroom.encoder.fingerprint,
        "ivf-sq8" if change == "kind" else "flat",
    )
    raw = newsroom.layout.snapshot(manifest.name).articles.read_bytes()
    assert (b"story-00" in raw) == (articles >= 60)


def test_an_article_without_an_embedding_has_its_place_in_the_snapshot_of_its_revision(newsroom: Newsroom) -> None:
    newsroom.store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy")
    publish(newsroom.layout, newsroom.build().name)
    assert newsroom.live.articles == 61
    assert newsroom.recommender().answer("late", 5) is not None
    result = newsroom.reindex()
    assert (result.embedded, result.built) == (1, True)
    assert newsroom.live.articles == 61


@pytest.mark.parametrize("stage", ["embedding", "building", "publishing"])
def test_changes_during_the_job_are_served_after_it(newsroom: Newsroom, stage: str) -> None:
    def change(begun: str) -> None:
        stages.append(begun)
        if begun == stage:
            newsroom.take(parse_article({"id": "new", "title": "New"}))
            newsroom.store.delete("story-00")

    stages: list[str] = []
    reindex(newsroom.store, newsroom.encoder, newsroom.settings, full=True, progress=Progress(stage=change))
    assert stages[:3] + stages[-3:] == [
        "counting shared sentences", "embedding", "building", "comparing", "publishing", "making lists ready",
    ]  # fmt: skip
    recommender = newsroom.recommender()
    assert (recommender.answer("new", 5) is None, recommender.answer("story-00", 5) is None) == (False, True)
    assert newsroom.reindex().built == (stage == "publishing")


def test_a_torn_live_snapshot_is_built_anew(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    file = newsroom.layout.snapshot(newsroom.live.name).embeddings
    file.write_bytes(file.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        assert newsroom.reindex().built
    assert "embeddings.npy has SHA-256" in caplog.text
    verify(newsroom.layout, newsroom.live.name)


def test_a_job_in_another_process_is_refused_in_one_line(newsroom: Newsroom) -> None:
    with locked(newsroom.layout):
        done = recommend(newsroom.settings, "reindex")
    assert done.returncode == 1
    assert "another job is writing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.databases("sqlite", "pgvector")
def test_a_store_that_was_begun_anew_at_the_same_revision_is_another_one(
    newsroom: Newsroom, open_newsroom: OpenNewsroom, stories: list[Article]
) -> None:
    first = newsroom.live
    others = [story.model_copy(update={"id": f"other-{story.id}"}) for story in stories]
    with open_newsroom(*others) as elsewhere:
        with elsewhere.store.engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(update(lineage).values(store="another"))  # stores of tests are copies of one
        anew = replace(newsroom, store=elsewhere.store)
        assert anew.store.latest_revision() == newsroom.store.latest_revision()
        again = anew.reindex()
        assert (again.built, again.manifest.name != first.name) == (True, True)
        assert {*anew.recommender().view().ids()} == {other.id for other in others}
