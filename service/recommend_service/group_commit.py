"""Group commit: changes that arrive during one transaction share the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

from recommend.errors import StoreError

_MOST_A_GROUP = 1_000
_MOST_WAITING = 20_000

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """Writes small things in few transactions, in a thread of its own. For one event loop."""

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        """
        Args:
            write: makes its argument durable in one transaction.
        """
        self._write = write
        self._thread = CapacityLimiter(1)
        self._waiting: list[tuple[Sequence[T], asyncio.Future[None]]] = []
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def add(self, items: Sequence[T]) -> None:
        """Returns when the items are durable.

        Raises:
            StoreError: when the store refuses them, or more wait than it can take.
        """
        if self._count + len(items) > _MOST_WAITING:
            raise StoreError(f"store: {self._count} changes wait to be written, the queue is full; try again later")
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((items, written))
        self._count += len(items)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        await written

    async def _drain(self) -> None:
        while self._waiting:
            group = self._next_group()
            items = [item for some, _ in group for item in some]
            self._count -= len(items)
            failed: Exception | None = None
            try:
                await to_thread.run_sync(self._write, items, limiter=self._thread)
            except Exception as problem:
                failed = problem
            for _, written in group:
                if written.done():  # its request was cancelled
                    continue
                if failed is None:
                    written.set_result(None)
                else:
                    written.set_exception(failed)

    def _next_group(self) -> list[tuple[Sequence[T], asyncio.Future[None]]]:
        size, end = 0, 0
        while end < len(self._waiting) and size < _MOST_A_GROUP:
            size += len(self._waiting[end][0])
            end += 1
        group, self._waiting = self._waiting[:end], self._waiting[end:]
        return group
