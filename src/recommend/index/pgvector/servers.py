"""The servers that hold an index together: asked at once, and passed over while they do not answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TypeVar

from recommend.errors import RecommendError, SnapshotError, StoreUnreachableError
from recommend.index.pgvector.server import Server

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RETRY = 1.0


class Servers:
    """One server, or several of which each holds its shard of the articles. Safe to share between threads.

    Attributes:
        urls: of the servers, in order: the number of a server is that of its shard.
        partial: whether what some do not answer is done without. A server that did not answer is passed over then,
            and tried again once a second by a thread that nobody waits for.
    """

    def __init__(self, urls: Sequence[str], *, timeout: float = 5.0, pool: int = 4, partial: bool = False) -> None:
        """
        Args:
            urls: see :class:`Server`, as ``timeout`` and ``pool``.
            timeout: seconds that a search may take.
            pool: connections to each that are kept.
            partial: see above; one server alone is never passed over.

        Raises:
            SettingsError: for a URL that cannot be used, or without the driver.
        """
        self.urls = tuple(urls)
        self.partial = partial and len(self.urls) > 1
        self._all = [Server(url, timeout=timeout, pool=pool) for url in self.urls]
        self._threads = [ThreadPoolExecutor(pool, "shard") for _ in self._all]  # so that none waits for another's
        self._patience = timeout
        self._lost: dict[int, str] = {}
        self._tried = dict.fromkeys(range(len(self._all)), -inf)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Server]:
        return iter(self._all)

    def __getitem__(self, number: int) -> Server:
        return self._all[number]

    def __reduce__(self) -> tuple[object, ...]:
        return Servers, (self.urls,)

    @property
    def name(self) -> str:
        """Their URLs without passwords."""
        return ", ".join(server.name for server in self)

    @property
    def problem(self) -> str | None:
        """Which of them do not answer at present; None when all do."""
        lost = sorted(self._lost.items())
        reasons = "; ".join(problem for _, problem in lost)
        which = f"{len(lost)} of {len(self)} servers of the index do not answer, what they hold is missing from answers"
        return f"{which}: {reasons}" if lost else None

    def each(self, work: Callable[[int], T], which: Iterable[int] | None = None) -> dict[int, T]:
        """What work on servers comes to, by their numbers, on all at once; where ``partial``, on those that answer.

        Args:
            work: gets the number of a server.
            which: numbers; None: all.

        Raises:
            StoreUnreachableError, SnapshotError: unless ``partial``, when one does not answer, or not as it should.
        """
        chosen = range(len(self)) if which is None else which
        if len(self) == 1:
            return {number: work(number) for number in chosen}
        asked = {
            number: self._threads[number].submit(work, number) for number in chosen if not self._passed_over(number)
        }
        results = {}
        for number, future in asked.items():
            try:
                results[number] = future.result(self._patience if self.partial else None)
            except (StoreUnreachableError, SnapshotError, TimeoutError) as problem:
                if not self.partial:
                    raise
                self._lose(number, problem)
        return results

    def any(self, work: Callable[[Server], T]) -> T:
        """What work on the first server comes to that answers.

        Raises:
            StoreUnreachableError: when none does, or unless ``partial``, the first does not.
        """
        for number in range(len(self)):
            for told in self.each(lambda one: work(self[one]), [number]).values():
                return told
        raise StoreUnreachableError(self.problem or "no server of the index answers")

    def close(self) -> None:
        """Gives all connections back."""
        for server, threads in zip(self, self._threads, strict=True):
            threads.shutdown(wait=False, cancel_futures=True)
            server.close()

    def _passed_over(self, number: int) -> bool:
        if number in self._lost and monotonic() - self._tried[number] >= _RETRY:
            self._probe(number)
        return number in self._lost

    def _lose(self, number: int, problem: RecommendError | TimeoutError) -> None:
        reason = str(problem) or f"index {self[number].name} has not answered for {self._patience:g} s"
        if number not in self._lost:
            logger.error("answering without a server of the index: %s", reason)
            self._lost[number] = reason
            self._probe(number)  # where only that one question was too much for it, it is back at once

    def _probe(self, number: int) -> None:
        self._tried[number] = inf  # until that is done
        with suppress(RuntimeError):  # closed meanwhile
            self._threads[number].submit(self._try, number)

    def _try(self, number: int) -> None:
        with suppress(StoreUnreachableError), self[number].reading() as cursor:
            cursor.execute("SELECT 1")
            if self._lost.pop(number, None):
                logger.warning("index %s answers again", self[number].name)
        self._tried[number] = monotonic()
