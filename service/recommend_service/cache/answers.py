"""Cached answers, and the rules by which they are dropped (:class:`AnswerCache`)."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from recommend.articles.impressions import ends
from recommend.index.dates import moment, seconds
from recommend.index.filters import UNFILTERED, Filters
from recommend.index.view import View
from recommend.ranking.freshness import DAY
from recommend.ranking.kept import BYTES_A_BASIS, Comparison, KeptBases
from recommend_service.cache.response import CachedResponse

_NEVER = datetime.max.replace(tzinfo=UTC)
_ENTRY_BYTES = 900 + BYTES_A_BASIS  # with its places in the dictionaries
_TARGET_BYTES = 400
_ASKED_BYTES = 600


class CacheKey(NamedTuple):
    """Everything that decides the answer of one recommender at one view and moment.

    Attributes:
        day: by which ages count, in days since 1970; None where they do not.
        begun: when the period of the answer's impression began, in hours since 1970; None where it has none.
    """

    article_id: str
    limit: int
    fallback: str
    filters: Filters = UNFILTERED
    explain: bool = False
    day: int | None = None
    begun: int | None = None

    def normalised(self, view: View) -> CacheKey:
        """Equal for requests that have the same answer at a view: no article is dated between their bounds."""
        since, until = self.filters.since, self.filters.until
        if since is None and until is None:
            return self
        first = None if since is None else view.first_published(seconds(since))
        bound = None if since is None else _NEVER if first is None else moment(first)
        return self._replace(filters=replace(self.filters, since=bound, until=moment(seconds(until))))

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        filters = self.filters
        texts = (self.article_id, self.fallback, *filters.texts())
        return _ASKED_BYTES + sum(map(sys.getsizeof, (*texts, filters.exclude, *filters.exclude)))

    def until(self, max_age: timedelta | None) -> float:
        """When the bound that ``max_age`` gave to this, which is normalised, has moved on to the next article, or its
        day or period is over."""
        since = self.filters.since
        over = math.inf if self.day is None else (self.day + 1) * DAY
        if self.begun is not None:
            over = min(over, ends(self.begun))
        return min(over, math.inf if max_age is None or since is None else since.timestamp() + max_age.total_seconds())


class UrlEntry(NamedTuple):
    """The cached answer of a path and query string, the template of its route, when it expires (seconds since 1970) if
    nothing changes before, and the only revision of the store at which the path leads there; None: at any."""

    ready: CachedResponse
    route: str
    until: float = math.inf
    revision: int | None = None


PathAndQuery = tuple[bytes, bytes]
"""As they were sent."""

RecentRequest = tuple[CacheKey, list[tuple[PathAndQuery, str]]]
"""A cache key and the URLs that asked for it, each with the template of its route."""


@dataclass(slots=True, eq=False)
class _Entry:
    """An answer with the key and the URLs that find it.

    Attributes:
        asked: its key; None when the request named no id of an article.
        size: bytes of memory, at most.
        slot: where its basis is kept.
    """

    ready: CachedResponse
    asked: CacheKey | None
    size: int
    slot: int
    targets: set[PathAndQuery] = field(default_factory=set)


class AnswerCache:
    """The most recently used answers of one recommender (LRU). Used from the event loop's thread only.

    Entries are valid for one view and a span of time:

    - A view is immutable: the snapshot and every change up to a revision. Any change (an article, a curation, another
      snapshot) makes a new view. The first lookup with a new view (:meth:`_drop_stale`) compares the changes with the
      basis of every cached answer, see :mod:`recommend.ranking.kept`, and drops those that may be wrong. A lookup with
      the recommender's current view therefore never returns an answer from before a takedown or a publication.
    - Between changes the clock alone can change an answer: an article expires, an embargo, a pin or a block ends.
      ``View.next_change_at`` is when that happens next. An article that the clock shows or hides then counts as
      changed.
    - A bound that moves with the clock (``max_age``) is part of what was asked, as the date of the oldest article that
      it lets pass; paths with such a parameter are targets until that article is too old.
    - So is the day, where ages count by it (``prefer``, ``policy.freshness``, ``policy.max_age``); paths are targets
      until it ends.
    - Another article may take over an address, and change no answer: a path that names one is a target at a single
      revision.

    Answers are made one at a time, each request looking again once it has the lock, so that none is made twice.
    """

    def __init__(
        self, most: int, most_bytes: int, comparison: Callable[[View], Comparison | None] = lambda _: None
    ) -> None:
        """
        Args:
            most: answers that are kept; 0: none.
            most_bytes: of memory for them and what leads to them.
            comparison: of the recommender, given a new view; by None everything is dropped.
        """
        self._most, self._most_bytes = most, most_bytes
        self._entries: OrderedDict[_Entry, None] = OrderedDict()  # the least recently asked first
        self._by_key: dict[CacheKey, _Entry] = {}
        self._by_url: dict[PathAndQuery, tuple[_Entry, UrlEntry]] = {}
        self._bases = KeptBases()
        self._slots: dict[int, _Entry] = {}
        self._comparison = comparison
        self._view: View | None = None
        self._valid_from, self._valid_until = 0.0, 0.0
        self._successor: AnswerCache | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def empty_copy(self) -> AnswerCache:
        """An empty cache of the same recommender and limits."""
        return AnswerCache(self._most, self._most_bytes, self._comparison)

    def recently_asked(self, most: int) -> list[RecentRequest]:
        """The most recent requests, latest first; only those without filters or ``explain``, and of their URLs those
        that lead to an article at any revision."""
        recent = list[RecentRequest]()
        for entry in reversed([*self._entries]):
            asked = entry.asked
            if len(recent) < most and asked is not None and not asked.explain and asked.filters == UNFILTERED:
                held = ((key, self._by_url.get(key)) for key in [*entry.targets])
                recent.append(
                    (asked, [(key, target[1].route) for key, target in held if target and target[1].revision is None])
                )
        return recent

    def replace_with(self, successor: AnswerCache) -> None:
        """Takes over the content of another cache at the first lookup with a view of its snapshot. Thread-safe."""
        self._successor = successor

    def get(self, view: View, now: float, asked: CacheKey) -> CachedResponse | None:
        """The cached answer for ``view`` at ``now`` (seconds since 1970), None on a miss."""
        if view is not self._view or not self._valid_from <= now < self._valid_until:
            self._drop_stale(view, now)
        entry = self._by_key.get(asked)
        if entry is None:
            return None
        self._entries.move_to_end(entry)
        return entry.ready

    def target(self, view: View, now: float, path_and_query: PathAndQuery) -> UrlEntry | None:
        """The same for a path and query string."""
        if view is not self._view or not self._valid_from <= now < self._valid_until:
            self._drop_stale(view, now)
        held = self._by_url.get(path_and_query)
        if held is None or now >= held[1].until or held[1].revision not in {None, view.revision}:
            return None
        self._entries.move_to_end(held[0])
        return held[1]

    def put(
        self,
        view: View,
        asked: CacheKey | None,
        ready: CachedResponse,
        target: tuple[PathAndQuery, str, float] | None = None,
        *,
        revision: int | None = None,
        known: bool = True,
    ) -> None:
        """Stores an answer of ``view``, unless a lookup with another view came since, or it is partial.

        Args:
            view: of the last lookup.
            asked: its key; None when the request named no id of an article.
            ready: the answer.
            target: path and query string, the template of the route, and when the entry expires.
            revision: see :class:`UrlEntry`.
            known: whether the article exists; if not, the answer is the first to be evicted.
        """
        if view is not self._view or not self._most or ready.partial:
            return
        entry = None if asked is None else self._by_key.get(asked)
        if entry is None:
            size = ready.size + _ENTRY_BYTES + (0 if asked is None else asked.size)
            entry = _Entry(ready, asked, size, self._bases.put(ready.basis))
            self._entries[entry] = None
            self._slots[entry.slot] = entry
            self.size += entry.size
            if asked is not None:
                self._by_key[asked] = entry
        if target is not None:
            self._add_url(target[0], entry, UrlEntry(entry.ready, *target[1:], revision))
        self._entries.move_to_end(entry, last=known)
        while self.size > self._most_bytes or len(self._entries) > self._most:
            self._drop(next(iter(self._entries)))

    def _add_url(self, key: PathAndQuery, entry: _Entry, target: UrlEntry) -> None:
        size = sum(map(sys.getsizeof, key)) + _TARGET_BYTES
        before = self._by_url.get(key)
        if before is not None:
            before[0].targets.remove(key)
            before[0].size -= size
            self.size -= size
        self._by_url[key] = entry, target
        entry.targets.add(key)
        entry.size += size
        self.size += size

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry]
        del self._slots[entry.slot]
        self._bases.remove(entry.slot)
        self.size -= entry.size
        if entry.asked is not None:
            del self._by_key[entry.asked]
        for key in entry.targets:
            del self._by_url[key]

    def _drop_stale(self, view: View, now: float) -> None:
        """Drops the answers that a change since the last lookup may have made wrong, and moves on to ``view``."""
        successor = self._successor
        if successor is not None and successor._view is not None and successor._view.snapshot is view.snapshot:
            vars(self).update(vars(successor))
        before, changes = self._view, None
        comparison = self._comparison(view) if before is not None and self._entries else None
        if before is not None and comparison is not None:
            changes = comparison.changes(before, self._valid_from, now, turned=now >= self._valid_until)
        if comparison is None or changes is None:
            for entry in [*self._entries]:
                self._drop(entry)
        elif changes.ids:
            for slot in self._bases.stale(comparison, changes):
                self._drop(self._slots[slot])
        change = view.next_change_at(now)
        self._view, self._valid_from, self._valid_until = view, now, float("inf") if change is None else change
