"""Clocks that are off, or set right while a service runs (row P9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.doctor import examine
from recommend.jobs.status import read_status
from recommend.settings import Settings
from recommend.store import Store
from running import Recommend


def _date(settings: Settings, hours: float) -> None:
    """Dates snapshot and last job so many hours from now."""
    layout = IndexLayout(settings.index)
    manifest = layout.snapshot(current_name(layout) or "").manifest
    moment = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    manifest.write_bytes(orjson.dumps({**orjson.loads(manifest.read_bytes()), "created_at": moment}))
    job = {"started": moment, "finished": moment, "outcome": "done", "snapshot": manifest.parent.name}
    layout.last_run.write_bytes(orjson.dumps({**job, "succeeded": moment}))


def test_a_job_of_the_future_is_named_and_no_age_is_negative(
    cli: Recommend, copied: Settings, held: Callable[..., None]
) -> None:
    _date(copied, 23)
    with closing(Store(copied.store)) as store:
        found = read_status(store, copied)
    assert (found.staleness, found.snapshot_age) == (None, 0.0)
    assert 82_000 < found.ahead < 83_000
    ran = cli("status", "--max-staleness", 10**9)
    assert (ran.code, "23.0 hours in the future" in ran.out) == (1, True)
    assert "dated 23.0 hours in the future" in cli("snapshots").out
    assert [finding.check for finding in examine(copied)] == ["clock"]
    assert cli("reindex", "--full").code == 0
    assert cli("status", "--max-staleness", 600).code == 0
    held("P9", "a job that ran a day ahead")


def test_clocks_that_are_seconds_apart_are_no_matter(copied: Settings) -> None:
    _date(copied, 20 / 3600)
    with closing(Store(copied.store)) as store:
        found = read_status(store, copied)
    assert (found.ahead, found.staleness, found.snapshot_age) == (0.0, 0.0, 0.0)


def test_a_rate_limit_does_not_outlast_a_clock_that_is_set_right(
    copied: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch, held: Callable[..., None]
) -> None:
    service = copied.service.model_copy(update={"rate_limit": "2/minute"})
    real = time.time
    with serve(copied.model_copy(update={"service": service})) as running:
        monkeypatch.setattr(time, "time", lambda: real() + 86_400)
        codes = [running.reader.get("/v1/status").status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        monkeypatch.setattr(time, "time", real)
        codes = [running.reader.get("/v1/status") for _ in range(3)]
        assert [answer.status_code for answer in codes] == [200, 200, 429]
        assert int(codes[-1].headers["Retry-After"]) <= 60
    held("P9", "a rate limit begun a day ahead")
