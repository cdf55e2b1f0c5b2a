"""A call that may be slow or hang: shared by concurrent callers, each of which waits with its own timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Probe(Generic[T]):
    """One call at a time, in a thread of its own that the process does not wait for when it ends. For one event loop.

    Neither a lock that another process holds nor a server that stands still is then more than a wait for those who
    ask; the next call begins when the one before has ended.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: asyncio.Future[T] | None = None
        self._began = 0.0

    @property
    def running(self) -> float:
        """Seconds since the call that is under way began, 0 where there is none."""
        return 0.0 if self._result is None or self._result.done() else monotonic() - self._began

    async def ask(self, seconds: float | None) -> T:
        """What the work gives, or the call of it that is under way.

        Args:
            seconds: how long to wait; None: until it ends.

        Raises:
            TimeoutError: it has not ended in time, and goes on.
        """
        if self._result is None or self._result.done():
            self._result, self._began = asyncio.get_running_loop().create_future(), monotonic()
            Thread(target=self._run, args=(self._result,), daemon=True).start()
        result = self._result
        await asyncio.wait([result], timeout=seconds)  # leaves the work alone when who asks is cancelled
        if not result.done():
            raise TimeoutError
        return result.result()

    def _run(self, result: asyncio.Future[T]) -> None:
        loop = result.get_loop()
        try:
            answer = self._work()
        except Exception as problem:  # whoever asks meets it
            _tell(loop, _fail, result, problem)
        else:
            _tell(loop, result.set_result, answer)


def _fail(result: asyncio.Future[T], problem: Exception) -> None:
    result.set_exception(problem)
    result.exception()  # seen: who asked may have gone


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., object], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what, *arguments)
