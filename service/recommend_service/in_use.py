"""A resource that threads may use beyond the end of the service, closed when the last of them is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from recommend.errors import StoreUnreachableError

T = TypeVar("T")


class InUse:
    """Closes something once nobody is at work with it: a connection that comes back to a pool which has been closed
    would be closed by nobody."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = Lock()
        self._at_work = 0
        self._ended = False

    @contextmanager
    def work(self) -> Iterator[None]:
        """While the block runs, nothing is closed.

        Raises:
            StoreUnreachableError: when it is, or shall be.
        """
        with self._lock:
            if self._ended:
                raise StoreUnreachableError("the service has ended")
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                last = self._ended and not self._at_work
            if last:
                self._close()

    def during(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same work within :meth:`work`."""

        def run() -> T:
            with self.work():
                return work()

        return run

    def end(self) -> None:
        """Closes it, or leaves that to the last who is at work."""
        with self._lock:
            last = not self._ended and not self._at_work
            self._ended = True
        if last:
            self._close()
