"""The command in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recommend.settings import Settings
from recommend.store import Store
from running import Recommend, runner

if TYPE_CHECKING:
    from conftest import Newsroom


@pytest.fixture
def recommend(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Recommend:
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOMMEND_MODELS", str(models))
    return runner(monkeypatch, capsys)


@pytest.fixture
def on_sample(recommend: Recommend, indexed: tuple[Settings, Store], monkeypatch: pytest.MonkeyPatch) -> Recommend:
    """The same with the environment naming the indexed sample corpus."""
    monkeypatch.setenv("RECOMMEND_STORE", indexed[0].store)
    monkeypatch.setenv("RECOMMEND_INDEX", str(indexed[0].index))
    return recommend


@pytest.fixture
def on_toys(recommend: Recommend, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> Recommend:
    """The same with the environment naming the toy newsroom, which nobody else reads."""
    monkeypatch.setenv("RECOMMEND_STORE", newsroom.settings.store)
    monkeypatch.setenv("RECOMMEND_INDEX", str(newsroom.settings.index))
    return recommend
