from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from recommend.articles.article import Article
from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.jobs.status import read_status
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom


def test_before_the_first_snapshot_there_is_none(store: Store, settings: Settings) -> None:
    status = read_status(store, settings)
    assert (status.snapshot, status.snapshot_age, status.encoder_matches, status.error) == (None, None, None, None)


def test_the_age_the_lag_and_the_counts_follow_the_store(newsroom: Newsroom, stories: list[Article]) -> None:
    newsroom.reindex(full=True)
    status = read_status(newsroom.store, newsroom.settings)
    assert (status.snapshot_articles, status.revision, status.revision_lag) == (60, 60, 0)
    assert 0 <= (status.snapshot_age or 0) < 60
    newsroom.store.delete("story-00")
    newsroom.store.put([(stories[1].model_copy(update={"title": "Changed"}), None)], "toy")
    status = read_status(newsroom.store, newsroom.settings)
    assert (status.revision, status.revision_lag) == (62, 2)
    assert status.articles == {"published": 59, "draft": 0, "unpublished": 0, "taken_down": 1, "unembedded": 1}


def test_it_tells_whether_the_settings_name_the_encoder_of_the_snapshot(
    indexed: tuple[Settings, Store], newsroom: Newsroom, encoder: Encoder
) -> None:
    settings, store = indexed
    status = read_status(store, settings)
    assert (status.encoder, status.encoder_matches, status.articles["unembedded"]) == (encoder.fingerprint, True, 0)
    shorter = settings.model_copy(update={"encoder": EncoderSettings(max_tokens=64)})
    assert read_status(store, shorter).encoder_matches is False
    assert read_status(newsroom.store, newsroom.settings).encoder_matches is False


def test_a_reindex_is_due_when_as_much_changed_as_the_settings_say(newsroom: Newsroom, stories: list[Article]) -> None:
    indexing = newsroom.settings.indexing.model_copy(update={"due": 2})
    settings = newsroom.settings.model_copy(update={"indexing": indexing})
    for number, (changed, due) in enumerate([(0, False), (1, False), (2, True)]):
        status = read_status(newsroom.store, settings)
        assert (status.changed, status.due) == (changed, due)
        newsroom.store.put([(stories[number].model_copy(update={"title": "Changed"}), None)], "toy")


@pytest.mark.parametrize("content", [b"no-such-snapshot\n", b"../index\n", b"\xff\xfe", b"nul\x00"])
def test_a_snapshot_that_cannot_be_read_is_an_error_not_a_crash(newsroom: Newsroom, content: bytes) -> None:
    newsroom.layout.current.write_bytes(content)
    status = read_status(newsroom.store, newsroom.settings)
    assert (status.error is None, status.snapshot_articles) == (False, None)
    assert status.revision_lag is None


def test_a_name_in_current_that_is_a_path_is_shown_as_no_snapshot_and_nothing_is_counted_from_it(
    newsroom: Newsroom,
) -> None:
    newsroom.layout.current.write_text("../../elsewhere\n")
    flags = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    shown = CliRunner().invoke(app, [*flags, "status"])
    assert shown.exit_code == 1
    assert "snapshot   CURRENT holds no name of one" in shown.output
    assert "how far the live snapshot is behind is unknown" in shown.output
    assert "changes behind" not in shown.output
