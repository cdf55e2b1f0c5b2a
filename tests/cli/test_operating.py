"""Commands of operators: status, backup, restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article
from running import Recommend

if TYPE_CHECKING:
    from conftest import Newsroom


def test_status_says_what_is_due_and_that_the_settings_name_another_encoder(
    on_toys: Recommend, newsroom: Newsroom, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "due  " not in on_toys("status").out
    newsroom.take(stories[0].model_copy(update={"title": "Another title"}))
    monkeypatch.setenv("RECOMMEND_INDEXING__DUE", "1")
    told = on_toys("status", "--json").json
    assert (told["due"], told["changed"], told["encoder_matches"]) == (True, 1, False)
    lines = on_toys("status").out.splitlines()
    assert "due        1 articles changed since the snapshot; run recommend reindex" in lines
    assert "encoder    the settings name another one than the snapshot's; run recommend reindex" in lines
    assert any(line.startswith("last job   done, begun ") for line in lines)


def test_a_backup_says_of_which_revision_and_a_restore_that_no_snapshot_fits(
    on_toys: Recommend, newsroom: Newsroom
) -> None:
    copied = on_toys("backup", "--out", "copy.db")
    assert copied.out == f"revision {newsroom.store.latest_revision():,} copied to copy.db\n"
    elsewhere = ("--store", "sqlite:///other.db", "--index", "other")
    refused = on_toys(*elsewhere, "restore", "copy.db")
    assert (refused.code, "--accept-lost-takedowns" in refused.err) == (1, True)
    ran = on_toys(*elsewhere, "restore", "copy.db", "--accept-lost-takedowns")
    assert (ran.code, ran.out) == (0, "60 published articles restored, 0 taken down or withdrawn since\n")
    assert "related stories are back after recommend reindex" in ran.err
    assert on_toys(*elsewhere, "status", "--json").json["articles"]["published"] == 60
