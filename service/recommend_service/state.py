"""The shared state of the routes: store and recommenders of this process, opened as soon as they can be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from threading import Lock, Thread
from time import monotonic
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from recommend.cpus import available_cores
from recommend.errors import RecommendError, StoreUnreachableError
from recommend.index.live import LiveView
from recommend.index.opening import open_live
from recommend.index.view import View
from recommend.jobs.status import Status, read_status
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store
from recommend.store.keys import Key
from recommend_service.cache.answers import AnswerCache
from recommend_service.cache.articles import ArticlesCache
from recommend_service.checks import Check
from recommend_service.event_intake import EventIntake
from recommend_service.followed import STALL, FollowedView
from recommend_service.in_use import InUse
from recommend_service.metrics import Metrics
from recommend_service.popular import PopularArticles
from recommend_service.probe import Probe
from recommend_service.put_groups import PutGroups
from recommend_service.recommenders import Recommenders
from recommend_service.settings_keys import SettingsKeys
from recommend_service.threads import Threads

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_LEAST_PAUSE = 0.02
T = TypeVar("T")


class ServiceState:
    """Opens store and recommender. A service that starts before the first snapshot, or while the database cannot be
    reached, answers 503 until it can do better.

    The event loop asks an SQLite file itself, which takes microseconds, but waits for nothing: a database on another
    machine, encoders, disks and locks are for threads, of which each kind has its own.

    Attributes:
        warmer: see :class:`~recommend.index.live.LiveView`.
        threads: for what the event loop would wait for.
        popular: what readers clicked most of late.
        readable: whether the store can be read; ``writable`` whether it takes changes; ``encodes`` whether the encoder
            is there; ``searchable`` whether the index can be searched.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.events = EventIntake(lambda: self.store, settings.events, metrics)
        self._elsewhere = bool(settings.pgvector.url)
        self._local = settings.store.startswith("sqlite") and not self._elsewhere
        self._store: Store | None = None
        self._articles: ArticlesCache | None = None
        self._recommenders: Recommenders | None = None
        self._live: LiveView | None = None
        self._followed: FollowedView | None = None
        self._error: RecommendError = StoreUnreachableError("the store is not open yet")
        self._opening = Lock()
        self._tried = float("-inf")
        self.warmer: Callable[[], Callable[[View], object] | None] = lambda: None
        self._compute_lock = asyncio.Lock()
        self._settings_keys = SettingsKeys(settings.service.api_keys)
        self.threads = Threads()
        self.puts = PutGroups(settings.service.put_batch)
        self.popular = PopularArticles(self.threads)
        self._in_use = InUse(self._close)
        during = self._in_use.during
        self._look = Probe(during(self._catch_up))
        self._state = Probe(during(lambda: read_status(self.store, settings)))
        self.readable = Check("the store can be read", during(lambda: self.store.health.check_readable()))  # noqa: PLW0108
        self.writable = Check("the store takes changes", during(lambda: self.store.health.check_writable()))  # noqa: PLW0108
        self.encodes = Check("the encoder is there", during(lambda: self.recommender().check_encoder()))
        self.searchable = Check("the index can be searched", during(self._check_searchable))

    def open(self) -> None:
        """Opens what is not open yet, and waits for that.

        Raises:
            SnapshotError: when no usable snapshot is published.
            StoreError: when the store cannot be opened.
        """
        with self._opening:
            if self._recommenders is not None:
                return
            self._tried = monotonic()
            try:
                if self._store is None:
                    # a quarter of the time for the store to repeat itself, the rest for the look to grow old
                    self._store = Store(self.settings.store, staleness=self.settings.service.staleness / 4)
                recommenders = self._open_recommenders(self._store)
                recommenders.touch()
                self._recommenders = recommenders
            except RecommendError as problem:
                self._error = problem
                raise
            logger.info("serving snapshot %s", self._recommenders.own.snapshot)

    def _open_recommenders(self, store: Store) -> Recommenders:
        settings = self.settings.model_copy(update={"encoder": self._encoder_settings()})
        live = self._live = open_live(store, settings, serving=True)
        live.warmer = self.warmer
        if not self._local:
            self._followed = FollowedView(live, 3 / 4 * self.settings.service.staleness)
        return Recommenders(store, settings, live if self._followed is None else self._followed)

    def _encoder_settings(self) -> EncoderSettings:
        """Those of an encoder that leaves the other cores to readers."""
        encoder, most = self.settings.encoder, self.settings.service.encoder_threads or max(1, available_cores() // 2)
        return encoder.model_copy(update={"threads": min(encoder.threads or most, most)})

    def _open_soon(self) -> None:
        """Tries again once a second to open what is not open, beside the event loop where there is one."""
        if monotonic() - self._tried < _RETRY_SECONDS or self._opening.locked():
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.open()
        else:
            self._tried = monotonic()
            Thread(target=self._try_to_open, daemon=True).start()

    def _try_to_open(self) -> None:
        with suppress(RecommendError), self._in_use.work():  # kept, for those who ask
            self.open()

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            StoreError: when it cannot be opened; it is tried again once a second.
        """
        if self._store is None:
            self._open_soon()
        if self._store is None:
            raise self._error.with_traceback(None)
        return self._store

    @property
    def articles(self) -> ArticlesCache:
        """The store's articles.

        Raises:
            StoreError: as :attr:`store`.
        """
        if self._articles is None:
            self._articles = ArticlesCache(self.store, self.settings.service.public_fields)
        return self._articles

    def recommenders(self) -> Recommenders:
        """The recommenders. Where there are none yet, they are opened beside the event loop: verifying a snapshot takes
        seconds.

        Raises:
            SnapshotError: when no usable snapshot is published.
            StoreError: when the store cannot be opened.
        """
        if self._recommenders is None:
            self._open_soon()
        if self._recommenders is None:
            raise self._error.with_traceback(None)
        return self._recommenders

    def recommender(self) -> Recommender:
        """The service's own recommender.

        Raises:
            SnapshotError, StoreError: as :meth:`recommenders`.
        """
        return self.recommenders().own

    def caches(self) -> list[tuple[Recommender, AnswerCache]]:
        """The recommenders that have ready answers, and these; none while there are no recommenders."""
        return [] if self._recommenders is None else self._recommenders.caches()

    async def find_key(self, hashed: bytes) -> Key | None:
        """The valid key whose secret has this SHA-256, of the settings or of the store.

        Raises:
            StoreError: when the store cannot be read.
        """
        return self._settings_keys.find(hashed) or await self.read(self.store.keys.find, hashed)

    async def follow(self) -> None:
        """Looks for changes in a database that the event loop does not ask itself, until it is cancelled."""
        while not self._local:
            if self._followed is None:
                self._open_soon()
            else:
                self._followed.serve()
                with suppress(RecommendError):  # kept, for those who ask
                    await self._look.ask(None)
            await asyncio.sleep(max(_LEAST_PAUSE, self.settings.service.staleness / 2))

    @property
    def late(self) -> bool:
        """Whether :meth:`caught_up` would wait."""
        return self._followed is not None and self._followed.late(monotonic())

    async def caught_up(self) -> None:
        """Returns when the last look for changes is recent enough, or waiting is pointless."""
        followed, asked = self._followed, monotonic()
        if followed is None or not followed.late(asked):
            return
        with suppress(TimeoutError, RecommendError):  # whoever asks for the view is told
            await self._look.ask(STALL)
            if followed.late(asked):  # that look had begun long before
                await self._look.ask(STALL)

    async def in_writer(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what writes, see :meth:`Threads.write`. What it changed holds in this process when this returns."""

        def write() -> T:
            done = work(*arguments)
            with suppress(RecommendError):  # what was written is written
                self._catch_up()
            return done

        return await self.threads.write(write)

    async def search(self, work: Callable[..., T], *arguments: object) -> T:
        """Searches the index: at once where it lies in memory, else as :meth:`Threads.read`."""
        return await self.threads.read(work, *arguments) if self._elsewhere else work(*arguments)

    @property
    def searches_elsewhere(self) -> bool:
        """Whether :meth:`search` waits for another machine."""
        return self._elsewhere

    async def read(self, work: Callable[..., T], *arguments: object) -> T:
        """Asks the database for little: at once where it is a file, else as :meth:`Threads.read`."""
        return work(*arguments) if self._local else await self.threads.read(work, *arguments)

    async def status(self, seconds: float | None) -> Status:
        """The state of store and index.

        Raises:
            StoreError: when it cannot be read, or not within ``seconds``.
        """
        try:
            return await self._state.ask(seconds)
        except TimeoutError:
            raise StoreUnreachableError(f"the state of store and index is not known within {seconds:g} s") from None

    @asynccontextmanager
    async def compute_lock(self) -> AsyncIterator[None]:
        """While the block runs, no other answer is computed; other pending work of the event loop runs before the
        next."""
        async with self._compute_lock:
            await asyncio.sleep(0)
            yield

    def _catch_up(self) -> None:
        if self._recommenders is not None:
            self._recommenders.own.view()

    def _check_searchable(self) -> None:
        if self._elsewhere:
            self.recommender().check_searchable()

    def close(self) -> None:
        """Closes store and index, after what is asked of them in threads that nobody waits for."""
        self._in_use.end()

    def _close(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._store is not None:
            self._store.close()


async def _state(request: Request) -> ServiceState:
    state: ServiceState = request.app.state.service
    return state


async def _recommender(state: Annotated[ServiceState, Depends(_state)]) -> Recommender:
    await state.caught_up()
    return state.recommender()


StateOf = Annotated[ServiceState, Depends(_state)]
RecommenderOf = Annotated[Recommender, Depends(_recommender)]
