"""The commands that move snapshots between machines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recommend.jobs.shipping import ship
from running import Recommend

if TYPE_CHECKING:
    from conftest import Newsroom


def test_what_one_machine_publishes_another_one_follows(on_toys: Recommend, newsroom: Newsroom) -> None:
    sent = on_toys("publish", "shared", "--json").json
    assert (sent["snapshot"], sent["files"]) == (newsroom.live.name, len(newsroom.live.sha256) + 1)
    assert f"{newsroom.live.name} is at shared: 1 files, " in on_toys("publish", "shared").err
    other = ("--index", "other")
    followed = on_toys(*other, "follow", "shared", "--once")
    assert followed.code == 0
    assert followed.err.startswith(f"{newsroom.live.name} is live, from shared: ")
    assert Path("other/CURRENT").read_text().strip() == newsroom.live.name
    assert on_toys(*other, "follow", "shared", "--once").err == "nothing newer is there\n"
    mine, theirs = (on_toys(*index, "related", "story-00", "--json").json["items"] for index in ((), other))
    assert mine == theirs


def test_who_looks_once_fails_where_nothing_is_and_who_follows_looks_again(
    on_toys: Recommend, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("shared").mkdir()
    failed = on_toys("--index", "other", "follow", "shared", "--once")
    assert (failed.code, failed.err.startswith("error: ")) == (1, True)
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise SystemExit
        ship(newsroom.layout, "shared")

    monkeypatch.setattr(time, "sleep", pause)
    ran = on_toys("--index", "other", "follow", "shared", "--every", 7)
    assert pauses == [7, 7]
    assert ran.err.startswith("still looking: ")
    assert f"{newsroom.live.name} is live, from shared: " in ran.err
