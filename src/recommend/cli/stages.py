"""The progress of work that comes in stages, each with a bar of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from recommend.cli.console import Meter, meter


class Stages:
    """Called with a stage, how much was done since, and how much there is, shows a bar for each stage in turn."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._stage: str | None = None
        self._meter: Meter | None = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, stage: str, done: float, total: float | None) -> None:
        """Counts what was done."""
        if stage != self._stage or self._meter is None:
            self._stack.close()
            self._stage, self._meter = stage, self._stack.enter_context(meter(stage, total))
        self._meter.advance(int(done))

    def __exit__(self, *error: object) -> None:
        self._stack.close()
