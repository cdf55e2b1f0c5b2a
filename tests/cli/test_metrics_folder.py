"""Folders of the metrics are there while a service runs, and no longer than until the next one starts."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from recommend.cli.metrics_folder import metrics_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _aged(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "counter_1.db").touch()
    os.utime(folder, (time.time() - 3_600,) * 2)
    return folder


def test_what_a_killed_service_left_is_removed_and_what_is_not_left_or_not_ours_stays(temporary: Path) -> None:
    left, other = _aged(temporary / "recommend-metrics-left"), _aged(temporary / "another")
    young = temporary / "recommend-metrics-young"
    young.mkdir()
    link = temporary / "recommend-metrics-link"
    link.symlink_to(other)
    with metrics_folder() as first:
        assert first is not None
        _aged(first)
        with metrics_folder() as second:
            assert second is not None
            assert [one.exists() for one in (left, other, young, link, first, second)] == [False, *[True] * 5]
        assert not second.exists()
    assert not first.exists()


def test_without_a_place_for_it_there_is_none(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "absent"))
    with metrics_folder() as folder:
        assert folder is None
    assert "each worker keeps its own metrics" in " ".join(capsys.readouterr().err.split())
