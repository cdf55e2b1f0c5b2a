"""The command, run in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from recommend.cli import main
from recommend.settings import Settings
from recommend.store import Store


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Recommend = Callable[..., Ran]


@pytest.fixture
def recommend(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Recommend:
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOMMEND_MODELS", str(models))

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["recommend", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def on_sample(recommend: Recommend, indexed: tuple[Settings, Store], monkeypatch: pytest.MonkeyPatch) -> Recommend:
    """The same with the environment naming the indexed sample corpus."""
    monkeypatch.setenv("RECOMMEND_STORE", indexed[0].store)
    monkeypatch.setenv("RECOMMEND_INDEX", str(indexed[0].index))
    return recommend
