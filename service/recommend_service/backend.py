"""What the routes share: store and recommender of this process, opened when there is something to open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Annotated, TypeVar
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from recommend.errors import EncoderError, SnapshotError, StoreError, StoreUnreachableError
from recommend.events import Event
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.cache import AnswerCache
from recommend_service.groups import GroupWriter
from recommend_service.metrics import Metrics
from recommend_service.stored import StoredArticles

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
T = TypeVar("T")


class Backend:
    """Opens store and recommender. A service that starts before the first snapshot, or while the database cannot be
    reached, answers 503 until it can do better."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.events = GroupWriter(self._add_events)
        self._store: Store | None = None
        self._articles: StoredArticles | None = None
        self._unreachable = (float("-inf"), StoreUnreachableError("the store is not open yet"))
        self._recommender: Recommender | None = None
        self._variants: dict[str, Recommender] = {}
        self._error = SnapshotError("the index is not open yet")
        self._tried = float("-inf")
        self._caches: WeakKeyDictionary[Recommender, AnswerCache] = WeakKeyDictionary()
        self._turns = asyncio.Lock()
        self._writer = CapacityLimiter(1)  # one encoder, one writing transaction: more threads would only queue there

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            StoreError: when it cannot be opened; where it cannot be reached, it is tried again once a second.
        """
        if self._store is None:
            if monotonic() - self._unreachable[0] < _RETRY_SECONDS:
                raise self._unreachable[1].with_traceback(None)
            try:
                self._store = Store(self.settings.store, staleness=self.settings.service.staleness)
            except StoreUnreachableError as problem:
                self._unreachable = monotonic(), problem
                raise
        return self._store

    @property
    def articles(self) -> StoredArticles:
        """The store's articles.

        Raises:
            StoreError: as :attr:`store`.
        """
        if self._articles is None:
            self._articles = StoredArticles(self.store, self.settings.service.public_fields)
        return self._articles

    def recommender(self) -> Recommender:
        """The recommender.

        Raises:
            SnapshotError: when no usable snapshot is published.
            StoreError: when the store cannot be opened.
        """
        if self._recommender is None:
            store = self.store
            if monotonic() - self._tried < _RETRY_SECONDS:
                raise self._error.with_traceback(None)
            self._tried = monotonic()
            try:
                found = Recommender(store, self.settings)
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

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """While the block runs, no other answer is made; what else came in meanwhile is attended to before the next."""
        async with self._turns:
            await asyncio.sleep(0)
            yield

    async def problems(self) -> list[str]:
        """What cannot be done at present, though related stories can be served."""
        recommender = self.recommender()
        found = [] if recommender.problem is None else [recommender.problem]
        try:
            await to_thread.run_sync(self.store.check_writable)
        except StoreError as problem:
            found.append(str(problem))
        try:
            await self.in_writer(recommender.check_encoder)
        except EncoderError as problem:
            found.append(str(problem))
        return found

    def _add_events(self, events: Sequence[Event]) -> None:
        self.store.events.add(events)

    def close(self) -> None:
        """Closes the store."""
        if self._store is not None:
            self._store.close()


async def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


async def _recommender(backend: Annotated[Backend, Depends(_backend)]) -> Recommender:
    return backend.recommender()


BackendOf = Annotated[Backend, Depends(_backend)]
RecommenderOf = Annotated[Recommender, Depends(_recommender)]
