"""What the routes share: store and recommender of this process, opened when there is something to open."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from threading import Lock, Thread
from time import monotonic, time
from typing import Annotated, TypeVar
from weakref import WeakKeyDictionary

from fastapi import Depends, Request

from recommend.articles.events import Event, ToldEvent
from recommend.cpus import available_cores
from recommend.errors import RecommendError, StoreUnreachableError
from recommend.index.opening import open_live
from recommend.index.view import View
from recommend.jobs.status import Status, read_status
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store
from recommend.store.keys import Key, Scope
from recommend_service.cache.answers import AnswerCache, CacheKey
from recommend_service.cache.articles import ArticlesCache
from recommend_service.checks import Check
from recommend_service.followed import STALL, FollowedView
from recommend_service.group_commit import GroupCommit
from recommend_service.impressions import Arm, Impressions, Refusal, settings_digest
from recommend_service.metrics import Metrics
from recommend_service.popular import PopularArticles
from recommend_service.probe import Probe
from recommend_service.put_groups import PutGroups
from recommend_service.threads import Threads

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_PRUNE_SECONDS = 3_600.0
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
        self.events: GroupCommit[Event | Refusal] = GroupCommit(self._add_events)
        self._elsewhere = bool(settings.pgvector.url)
        self._local = settings.store.startswith("sqlite") and not self._elsewhere
        self._store: Store | None = None
        self._articles: ArticlesCache | None = None
        self._recommender: Recommender | None = None
        self._followed: FollowedView | None = None
        self._variants: dict[str, Recommender] = {}
        self._arms: WeakKeyDictionary[Recommender, Arm] = WeakKeyDictionary()
        self._impressions: Impressions | None = None
        self._pruned = monotonic()
        self._error: RecommendError = StoreUnreachableError("the store is not open yet")
        self._opening = Lock()
        self._tried = float("-inf")
        self.warmer: Callable[[], Callable[[View], object] | None] = lambda: None
        self._caches: WeakKeyDictionary[Recommender, AnswerCache] = WeakKeyDictionary()
        self._compute_lock = asyncio.Lock()
        self._editors: Recommender | None = None
        self._keys_of_settings = [
            (bytes.fromhex(known), Key(f"settings:{known[:8].lower()}", frozenset(Scope), datetime.now(UTC)))
            for known in settings.service.api_keys
        ]
        self.threads = Threads()
        self.puts = PutGroups(settings.service.put_batch)
        self.popular = PopularArticles(self.threads)
        self._look = Probe(self._catch_up)
        self._state = Probe(self._read_status)
        self.readable = Check("the store can be read", self._check_readable)
        self.writable = Check("the store takes changes", self._check_writable)
        self.encodes = Check("the encoder is there", self._check_encoder)
        self.searchable = Check("the index can be searched", self._check_searchable)

    def open(self) -> None:
        """Opens what is not open yet, and waits for that.

        Raises:
            SnapshotError: when no usable snapshot is published.
            StoreError: when the store cannot be opened.
        """
        with self._opening:
            if self._recommender is not None:
                return
            self._tried = monotonic()
            try:
                if self._store is None:
                    # a quarter of the time for the store to repeat itself, the rest for the look to grow old
                    self._store = Store(self.settings.store, staleness=self.settings.service.staleness / 4)
                self._recommender = self._open_recommender(self._store)
            except RecommendError as problem:
                self._error = problem
                raise
            logger.info("serving snapshot %s", self._recommender.snapshot)

    def _open_recommender(self, store: Store) -> Recommender:
        settings = self.settings.model_copy(update={"encoder": self._encoder_settings()})
        self._impressions = Impressions(store.events.key(), units=settings.events.units, swaps=settings.service.swaps)
        live = open_live(store, settings, serving=True)
        live.warmer = self.warmer
        if self._local:
            recommender = Recommender(store, settings, view=live, serving=True)
        else:
            self._followed = FollowedView(live, 3 / 4 * self.settings.service.staleness)
            recommender = Recommender(store, settings, view=self._followed, serving=True)
        for name in self.settings.service.variants:
            ranking, policy = self.settings.variant(name)
            arm = self._variants[name] = recommender.with_settings(ranking=ranking, policy=policy)
            self._arms[arm] = Arm(settings_digest(ranking, policy), name)
        for name, given in self.settings.service.variants.items():
            if given.interleave:
                teams = tuple(self._variants[one] for one in given.interleave)
                self._arms[self._variants[name]] = Arm(
                    settings_digest(*(self._arms[one] for one in teams)), name, teams
                )
        self._arms[recommender] = Arm(settings_digest(settings.ranking, settings.policy))
        return recommender

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
        with suppress(RecommendError):  # kept, for those who ask
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

    def recommender(self) -> Recommender:
        """The recommender. Where there is none yet, it is opened beside the event loop: verifying a snapshot takes
        seconds.

        Raises:
            SnapshotError: when no usable snapshot is published.
            StoreError: when the store cannot be opened.
        """
        if self._recommender is None:
            self._open_soon()
        if self._recommender is None:
            raise self._error.with_traceback(None)
        return self._recommender

    def variant(self, name: str | None) -> Recommender:
        """The recommender of a variant that the settings name; None: the one without.

        Raises:
            SnapshotError: when no usable snapshot is published.
        """
        own = self.recommender()
        return own if name is None else self._variants[name]

    def caches(self) -> list[tuple[Recommender, AnswerCache]]:
        """The recommenders that have ready answers, and these."""
        return list(self._caches.items())

    def editors(self) -> Recommender:
        """The recommender that explains to editors what it tells no reader.

        Raises:
            SnapshotError: when no usable snapshot is published.
        """
        if self._editors is None:
            self._editors = self.recommender().for_editors()
        return self._editors

    async def find_key(self, hashed: bytes) -> Key | None:
        """The valid key whose secret has this SHA-256. Those of ``service.api_keys`` have every scope, and are named
        ``settings:`` and the first 8 digits of their hash.

        Raises:
            StoreError: when the store cannot be read.
        """
        match = None
        for known, key in self._keys_of_settings:
            if hmac.compare_digest(known, hashed):
                match = key
        return match or await self.read(self.store.keys.find, hashed)

    def cache(self, recommender: Recommender) -> AnswerCache:
        """The ready answers of a recommender: each has its own views and its own settings, so each its own cache."""
        cache = self._caches.get(recommender)
        if cache is None:
            service = self.settings.service
            room = service.cache_bytes // (1 + len(service.variants))
            cache = self._caches[recommender] = AnswerCache(service.cache_size, room, recommender.comparison)
        return cache

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
        """Returns when the last look for changes is young enough, or is no use waiting for."""
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
            raise StoreUnreachableError(f"the state of store and index cannot be told within {seconds:g} s") from None

    @asynccontextmanager
    async def compute_lock(self) -> AsyncIterator[None]:
        """While the block runs, no other answer is made; what else came in meanwhile is attended to before the next."""
        async with self._compute_lock:
            await asyncio.sleep(0)
            yield

    def _catch_up(self) -> None:
        if self._recommender is not None:
            self._recommender.view()

    def _check_readable(self) -> None:
        self.store.health.check_readable()

    def _check_writable(self) -> None:
        self.store.health.check_writable()

    def _check_encoder(self) -> None:
        self.recommender().check_encoder()

    def _check_searchable(self) -> None:
        if self._elsewhere:
            self.recommender().check_searchable()

    def _read_status(self) -> Status:
        return read_status(self.store, self.settings)

    def answer(
        self, recommender: Recommender, by: Recommender, view: View, asked: CacheKey
    ) -> tuple[Answer | None, str | None]:
        """What readers of a recommender's arm see under an article, and its id; see :meth:`Impressions.answer`."""
        assert self._impressions is not None, "there is a recommender"
        assert asked.begun is not None, "an impression has its period"
        return self._impressions.answer(by, self._arms[recommender], view, asked)

    def checked(self, told: ToldEvent, user_agent: str) -> Event | Refusal:
        """What is told of an impression, as it is kept, or why it is not.

        Raises:
            SnapshotError, StoreError: when there were no answers yet that could have given one.
        """
        self.recommender()
        assert self._impressions is not None, "there is a recommender"
        return self._impressions.check(told, user_agent, time())

    def _add_events(self, told: Sequence[Event | Refusal]) -> None:
        events = [one for one in told if isinstance(one, Event)]
        refused = Counter(one.reason for one in told if isinstance(one, Refusal))
        fresh = self.store.events.add(events, refused)
        self.metrics.count_events({**refused, "kept": fresh, "repeated": len(events) - fresh})
        keep_days = self.settings.events.keep_days
        if keep_days and monotonic() - self._pruned > _PRUNE_SECONDS:
            self._pruned = monotonic()
            self.store.events.prune(keep_days)

    def close(self) -> None:
        """Closes the store."""
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
