"""The command, run in the process of the tests or in one of its own, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from sqlalchemy import make_url

from recommend.cli import main
from recommend.settings import Settings


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Recommend = Callable[..., Ran]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recommend:
    """Runs ``recommend`` with some arguments; returns its exit code and what it printed."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["recommend", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


def spawn(settings: Settings, *arguments: str, shell: str = '"$@"', **environment: str) -> Ran:
    """Runs the command in a process of its own, by a shell's command line in which it is ``"$@"``."""
    given = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RECOMMEND_STORE": settings.store,
        "RECOMMEND_INDEX": str(settings.index),
        "RECOMMEND_MODELS": str(settings.models),
        **environment,
    }
    line = [sys.executable, "-c", "from recommend.cli import main; main()", *arguments]
    done = subprocess.run(["sh", "-c", shell, "sh", *line], env=given, capture_output=True, timeout=300, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def store_of(settings: Settings) -> Path:
    return Path(str(make_url(settings.store).database))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file in a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
