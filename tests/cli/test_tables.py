from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from recommend.cli import console
from recommend.cli.app import app
from recommend.store.keys import Scope

if TYPE_CHECKING:
    from conftest import Newsroom


def test_keys_and_snapshots_are_tables_on_a_terminal_and_lines_elsewhere(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.store.keys.create("[red]desk", [Scope.WRITE])
    broken = newsroom.layout.snapshots / "broken"
    broken.mkdir()
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]

    def run(*arguments: str) -> list[list[str]]:
        ran = CliRunner().invoke(app, [*where, *arguments])
        assert ran.exit_code == 0
        return [line.split() for line in ran.stdout.splitlines()]

    assert [line[:3] for line in run("keys", "list")] == [["[red]desk", "write", "created"]]
    assert run("snapshots")[0][:2] == ["live", newsroom.live.name]
    monkeypatch.setattr(console.out, "_force_terminal", True)
    monkeypatch.setattr(console.out, "_color_system", None)
    monkeypatch.setattr(console.out, "_width", 250)
    heads, row = run("keys", "list")
    assert heads == ["name", "scopes", "created", "state"]
    assert (row[:2], row[-1]) == (["[red]desk", "write"], "valid")
    heads, live, torn = run("snapshots")
    assert heads == ["name", "age", "articles", "revision", "encoder", "index", "recall@10"]
    assert live[:2] == ["live", newsroom.live.name]
    assert live[-5:] == ["60", "60", "toy", newsroom.live.kind, "1.000"]
    assert torn[:2] == ["broken", str(broken)]
