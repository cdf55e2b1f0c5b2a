"""What the page of operations calls wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recommend.jobs.last_run import LastRun
from recommend.jobs.status import Status
from recommend_service.desk.operations import _problems

NOW = datetime(2026, 1, 5, tzinfo=UTC)
WELL = Status("20260105", 60.0, 9, 9, 0, "toy", True, {"published": 9}, None, 60.0, LastRun(NOW, NOW, "done"))


def test_nothing_is_wrong_where_all_is_well_or_nothing_is_known() -> None:
    assert _problems(WELL, None) == []
    assert _problems(None, None) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"error": "manifest.json is torn"}, "manifest.json is torn"),
        ({"last_run": LastRun(NOW, NOW, "failed", "no room")}, "the last job failed: no room"),
        ({"last_run": LastRun(NOW, None, "killed")}, "the last job was killed: no reason told"),
        ({"encoder_matches": False}, "the settings name another encoder than the snapshot has: recommend reindex"),
        ({"due": True, "changed": 12_000}, "12,000 articles changed since the snapshot: recommend reindex"),
        ({"set_aside": {"a": "no title"}}, "1 articles are set aside, send them again: 'a': no title"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(wrong: dict[str, object], said: str) -> None:
    assert _problems(replace(WELL, **wrong), None) == [said]  # type: ignore[arg-type]
