"""What the routes share: the recommender of this process, opened when there is something to open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Annotated, TypeVar
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from recommend.errors import SnapshotError
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.cache import AnswerCache
from recommend_service.groups import GroupWriter
from recommend_service.metrics import Metrics

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
T = TypeVar("T")


class Backend:
    """Opens store and recommender. A service that starts before the first snapshot answers 503 until there is one."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.store = Store(settings.store, staleness=settings.service.staleness)
        self.events = GroupWriter(self.store.events.add)
        self._recommender: Recommender | None = None
        self._variants: dict[str, Recommender] = {}
        self._error = SnapshotError("the index is not open yet")
        self._tried = float("-inf")
        self._caches: WeakKeyDictionary[Recommender, AnswerCache] = WeakKeyDictionary()
        self._writer = CapacityLimiter(1)  # one encoder, one writing transaction: more threads would only queue there

    def recommender(self) -> Recommender:
        """The recommender.

        Raises:
            SnapshotError: when no usable snapshot is published.
        """
        if self._recommender is None:
            if monotonic() - self._tried < _RETRY_SECONDS:
                raise self._error
            self._tried = monotonic()
            try:
                found = Recommender(self.store, self.settings)
            except SnapshotError as problem:
                self._error = problem
                raise
            for name in self.settings.service.variants:
                ranking, policy = self.settings.variant(name)
                self._variants[name] = found.with_settings(ranking=ranking, policy=policy)
            self._recommender = found
            logger.info("serving snapshot %s", found.snapshot)
        return self._recommender

    def variant(self, name: str | None) -> Recommender:
        """The recommender of a variant that the settings name; None: the one without.

        Raises:
            SnapshotError: when no usable snapshot is published.
        """
        own = self.recommender()
        return own if name is None else self._variants[name]

    def cache(self, recommender: Recommender) -> AnswerCache:
        """The ready answers of a recommender: each has its own views and its own settings, so each its own cache."""
        found = self._caches.get(recommender)
        if found is None:
            found = self._caches[recommender] = AnswerCache(self.settings.service.cache_size)
        return found

    async def in_writer(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what encodes or waits for a disk on the one thread for that, so that readers never wait for it."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._writer)

    def close(self) -> None:
        """Closes the store."""
        self.store.close()


async def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


async def _recommender(backend: Annotated[Backend, Depends(_backend)]) -> Recommender:
    return backend.recommender()


BackendOf = Annotated[Backend, Depends(_backend)]
RecommenderOf = Annotated[Recommender, Depends(_recommender)]
