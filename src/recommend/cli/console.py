"""What the commands print: progress on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from recommend.errors import visible
from recommend.files import named

_PLAIN_SECONDS = 10.0

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode() + "\n")


def print_json_line(value: object) -> None:
    """One line of JSON on standard error, where the service logs."""
    sys.stderr.write(orjson.dumps(value, option=orjson.OPT_UTC_Z).decode() + "\n")
    sys.stderr.flush()


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], lines: Iterable[str]) -> None:
    """Rows of plain text under their heads on a terminal, the lines elsewhere."""
    if not out.is_terminal:
        for line in lines:
            out.print(line)
        return
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    out.print(table)


def counted(count: int, one: str, several: str = "") -> str:
    """'1 row', '2 rows'."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def flush() -> None:
    """Hands on what was printed.

    Raises:
        OSError: when nobody takes it, or there is no room for it.
    """
    with named(Path("standard output")):
        sys.stdout.flush()


@dataclass(slots=True)
class Meter:
    """Counts work done: ``done`` of ``total`` in some unit, items for the rate, and those of them that failed.
    ``printed`` is the value of ``done`` that was printed last, at ``printed_at``."""

    label: str
    progress: Progress | None
    task: Any
    total: float | None = None
    items: int = 0
    failed: int = 0
    started: float = field(default_factory=time.monotonic)
    printed_at: float = field(default_factory=time.monotonic)
    done: float = 0.0
    printed: float | None = None

    def stage(self, label: str) -> None:
        """What is done now, where nothing is counted."""
        if self.progress is not None and label != self.label:
            self.progress.update(self.task, description=label, total=None, items=0, failed=0)

    def advance(self, items: int, *, done: float | None = None, failed: int = 0) -> None:
        """``items`` more; ``done`` is how far along that is, where the total is not counted in items."""
        self.items += items
        self.failed += failed
        self.done = self.items if done is None else done
        if self.progress is not None:
            self.progress.update(self.task, completed=self.done, items=self.items, failed=self.failed)
        elif time.monotonic() - self.printed_at >= _PLAIN_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Prints how far it is."""
        self.printed_at, self.printed = time.monotonic(), self.done
        share = f"{self.done / self.total:.0%}, " if self.total and self.done <= self.total else ""  # more came since
        rate = self.items / max(self.printed_at - self.started, 0.1)
        err.print(f"{self.label}: {share}{self.items:,} ({rate:,.0f}/s)" + _failed(self.failed))

    def end(self) -> None:
        """Prints the final state, unless it was the last line printed."""
        if self.progress is None and self.printed is not None and self.printed != self.done:
            self.tell()


def _failed(count: int) -> str:
    return f", {count:,} failed" if count else ""


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        items = task.fields.get("items", 0)
        if not items:
            return Text("")
        failed = _failed(task.fields.get("failed", 0))
        counts_items = task.total is not None and task.completed == items  # else bytes are read
        of = f" of {task.total:,.0f}" if counts_items else f", {task.percentage:.0f} %" if task.total else ""
        return Text(f"{items:,}{of} · {items / max(task.elapsed or 0.0, 0.1):,.0f}/s{failed}", style="cyan")


@contextmanager
def meter(label: str, total: float | None = None) -> Iterator[Meter]:
    """A progress bar with rate and time left on a terminal; a line every ten seconds elsewhere."""
    if not err.is_terminal:
        lines = Meter(label, None, None, total)
        yield lines
        lines.end()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield Meter(label, progress, progress.add_task(label, total=total), total)


def plain(text: str) -> str:
    """Text that is not markup for the console, and does nothing to the terminal."""
    return escape(visible(text))
