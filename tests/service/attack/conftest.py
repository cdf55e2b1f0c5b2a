"""Attacks, row by row: each test tries one and reports what held. Short by default, in full where ``ATTACK=full``."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommend.settings import Settings
from running import Recommend, runner

_HEAD = ("row", "tried", "requests", "seconds", "peak MB", "workers lost", "tried in")
_ROOT = Path(__file__).parents[3]
_FULL = os.environ.get("ATTACK") == "full"
_rows: list[tuple[str, ...]] = []


@pytest.fixture(scope="session")
def sized() -> Callable[[int, int], int]:
    """The size of an attack: ``sized(short, full)``."""
    return lambda short, long: long if _FULL else short


@pytest.fixture
def held(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes that an attack was held, as in ``held("B1", "20,000 dots", requests=1, seconds=0.1, workers_lost=0)``."""

    def note(row: str, tried: str, **figures: float) -> None:
        named = (figures.get(name) for name in ("requests", "seconds", "peak_mb", "workers_lost"))
        told = ("" if one is None else f"{one:,.0f}" if one >= 1_000 else f"{one:.3g}" for one in named)
        _rows.append((row, tried, *told, request.path.name))

    return note


@pytest.fixture
def cli(copied: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Recommend:
    """Runs the command on a copy of the indexed sample corpus."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("STORE", copied.store), ("INDEX", copied.index), ("MODELS", copied.models)):
        monkeypatch.setenv(f"RECOMMEND_{name}", str(value))

    return runner(monkeypatch, capsys)


@pytest.fixture(scope="session")
def peak_mb() -> Callable[[int], float]:
    """The most memory that a process has had resident, in MB."""

    def read(process: int) -> float:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    return read


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    """Prints what held; where whole files were tried in full and held, docs/security.md has their rows, too."""
    if not _rows:
        return
    rows = sorted(_rows)
    terminalreporter.section("attacks that were held")
    for row in (_HEAD, *rows):
        terminalreporter.write_line(" | ".join(row))
    config = terminalreporter.config
    if _FULL and exitstatus == 0 and not config.option.keyword and not any("::" in given for given in config.args):
        from benchmarks import report

        cores = len(os.sched_getaffinity(0))
        rows = sorted([*rows, *_of_other_files({row[-1] for row in rows})])
        text = (
            f"What held, last on {datetime.now(UTC):%-d %B %Y}, on {cores} cores shared with other work: {len(rows)} "
            "attacks. Seconds are those that passed; memory is the most that the process attacked had had, or in rows "
            "B1 and B2 what it took more."
        )
        report.write("security.md", "attacks", f"{text}\n\n{report.table(_HEAD, rows)}")


def _of_other_files(tried: set[str]) -> list[tuple[str, ...]]:
    """The rows that docs/security.md has of files that were not run now."""
    _, _, block = (_ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("<!-- attacks -->")
    lines = [line for line in block.partition("<!-- /attacks -->")[0].splitlines() if line.startswith("| ")]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[2:]]
    return [row for row in rows if row[-1] not in tried and (Path(__file__).parent / row[-1]).is_file()]
