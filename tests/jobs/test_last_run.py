"""What became of the last job is told by the status, whatever became of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from recommend.articles.article import parse_article
from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.index.snapshot.publishing import locked
from recommend.jobs.last_run import read_last_run, recorded
from recommend.jobs.rollback import rollback
from recommend.jobs.status import read_status

if TYPE_CHECKING:
    from conftest import Newsroom


def test_a_job_that_ends_well_says_when_and_what_is_live(newsroom: Newsroom) -> None:
    run = read_last_run(newsroom.layout)
    assert run is not None
    assert (run.outcome, run.error, run.snapshot) == ("done", None, newsroom.live.name)
    assert run.finished is not None
    assert run.finished == run.succeeded
    assert run.started <= run.finished <= datetime.now(UTC)


def test_a_job_that_fails_says_why_and_the_last_success_is_remembered(newsroom: Newsroom) -> None:
    before = read_last_run(newsroom.layout)
    newsroom.store.delete("story-00")
    with pytest.raises(SnapshotError):
        newsroom.indexing(verify_shrink=0.0).reindex()
    run = read_status(newsroom.store, newsroom.settings).last_run
    assert before is not None
    assert run is not None
    assert (run.outcome, run.succeeded, run.snapshot) == ("failed", before.succeeded, before.snapshot)
    assert "indexing.verify_shrink is 0.0" in (run.error or "")


def test_a_job_that_was_killed_is_told_from_one_that_runs(newsroom: Newsroom) -> None:
    with suppress(SystemExit), locked(newsroom.layout), recorded(newsroom.layout):
        content = newsroom.layout.last_run.read_bytes()
        run = read_last_run(newsroom.layout)
        assert run is not None
        assert (run.outcome, run.finished) == ("running", None)
        raise SystemExit
    newsroom.layout.last_run.write_bytes(content)  # as a kill would have left it
    run = read_last_run(newsroom.layout)
    assert run is not None
    assert run.outcome == "killed"
    assert newsroom.reindex().built is False
    assert (read_last_run(newsroom.layout) or run).outcome == "done"


def test_a_second_job_that_is_refused_leaves_the_record_of_the_first(newsroom: Newsroom) -> None:
    before = newsroom.layout.last_run.read_bytes()
    with locked(newsroom.layout), suppress(SnapshotError):
        newsroom.reindex()
    assert newsroom.layout.last_run.read_bytes() == before


def test_a_job_that_finds_nothing_to_do_keeps_the_snapshot_from_going_stale(newsroom: Newsroom) -> None:
    name = newsroom.live.name
    manifest = newsroom.layout.snapshot(name).manifest
    old = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")
    manifest.write_text(newsroom.live.model_copy(update={"created_at": old}).model_dump_json())
    newsroom.layout.last_run.unlink()
    status = read_status(newsroom.store, newsroom.settings)
    assert (status.staleness or 0) > 7000
    newsroom.reindex()
    status = read_status(newsroom.store, newsroom.settings)
    assert (status.staleness or 9999) < 7000 < (status.snapshot_age or 0)
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    newsroom.reindex()
    rollback(newsroom.store, newsroom.settings, lambda _: newsroom.encoder, name)
    assert (read_status(newsroom.store, newsroom.settings).staleness or 0) > 7000


def test_a_malformed_record_is_an_error_of_the_status_and_stops_no_job(newsroom: Newsroom) -> None:
    newsroom.layout.last_run.write_text("{")
    assert "last_run.json is malformed" in (read_status(newsroom.store, newsroom.settings).error or "")
    newsroom.reindex()
    assert read_status(newsroom.store, newsroom.settings).error is None


def test_the_command_fails_when_changes_may_wait_for_too_long(
    newsroom: Newsroom, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom = replace(newsroom, encoder=encoder)
    newsroom.reindex()
    monkeypatch.setenv("RECOMMEND_MODELS", str(newsroom.settings.models))
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index), "status"]
    assert "last job   done, begun " in CliRunner().invoke(app, where).stdout
    assert [CliRunner().invoke(app, [*where, "--max-staleness", s]).exit_code for s in ("3600", "0")] == [0, 1]
