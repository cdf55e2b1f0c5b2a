"""The command in a folder of its own."""

from pathlib import Path

import pytest

from running import Recommend, runner


@pytest.fixture
def recommend(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Recommend:
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOMMEND_MODELS", str(models))
    return runner(monkeypatch, capsys)
