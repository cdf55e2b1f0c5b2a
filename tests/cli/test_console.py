"""How far work has come: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from recommend.cli import console


def console_of(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    printed = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=printed, force_terminal=terminal, width=150, color_system=None))
    return printed


def shown(bar: console.Meter) -> str:
    assert bar.progress is not None
    plain = Console(file=io.StringIO(), width=150, color_system=None)
    with plain.capture() as captured:
        plain.print(bar.progress.get_renderable())
    return captured.get()


def test_a_bar_tells_items_of_how_many_or_the_share_of_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    console_of(monkeypatch, terminal=True)
    with console.meter("embedding", 1_200.0) as bar:
        assert "/s" not in shown(bar)
        bar.advance(1_000)
        assert "embedding" in shown(bar)
        assert "1,000 of 1,200 · " in shown(bar)
        bar.advance(50, failed=2)
        assert shown(bar).count("/s, 2 failed") == 1
        bar.stage("building")
        assert "building" in shown(bar)
        assert "/s" not in shown(bar)
    with console.meter("ingest", 4_000.0) as bar:
        bar.advance(5, done=1_000.0)
        assert "5, 25 % · " in shown(bar)


def test_elsewhere_lines_tell_the_same_from_time_to_time_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = console_of(monkeypatch, terminal=False)
    with console.meter("ingest", 4_000.0) as bar:
        bar.advance(5, done=1_000.0)
        assert printed.getvalue() == ""
        with monkeypatch.context() as at_once:
            at_once.setattr(console, "_PLAIN_SECONDS", 0.0)
            bar.advance(5, done=2_000.0, failed=1)
        bar.advance(2, done=4_000.0)
    first, last = printed.getvalue().splitlines()
    assert first.startswith("ingest: 50%, 10 (")
    assert first.endswith("/s), 1 failed")
    assert last.startswith("ingest: 100%, 12 (")
