"""Threads for what the event loop would wait for, a few for each kind of work, so that none holds up another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

_READERS = 8
_PARSERS = 2
T = TypeVar("T")


class Threads:
    """Runs work beside the event loop."""

    def __init__(self) -> None:
        self._writer = CapacityLimiter(1)  # one encoder, one writing transaction: more threads would only queue there
        self._drafter = CapacityLimiter(1)
        self._reader = CapacityLimiter(_READERS)
        self._parser = CapacityLimiter(_PARSERS)

    async def write(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what encodes or waits for a disk on the one thread for that, so that readers never wait for it."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._writer)

    async def draft(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what encodes for a reader, which no writer holds up."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._drafter)

    async def read(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what asks the database."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._reader)

    async def parse(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what may compute for long."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._parser)
