"""Ready answers to what was asked before."""

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
    """What a path and a query string lead to: an answer, the template of the route that gave it, and until when, in
    seconds since 1970, should nothing else change."""

    ready: CachedResponse
    route: str
    until: float = math.inf


PathAndQuery = tuple[bytes, bytes]
"""As they were sent."""

Asked = tuple[CacheKey, list[tuple[PathAndQuery, str]]]
"""What was asked for, and the paths that lead to it, each with the template of the route."""


@dataclass(slots=True, eq=False)
class _Entry:
    """An answer with all that leads to it.

    Attributes:
        asked: None of what was asked for by a name that is no id.
        size: bytes of memory, at most.
        slot: where what it rests on is kept.
    """

    ready: CachedResponse
    asked: CacheKey | None
    size: int
    slot: int
    targets: set[PathAndQuery] = field(default_factory=set)


class AnswerCache:
    """The most recently asked answers of one recommender. Used from the event loop's thread only.

    What is kept holds for one view, and for a span of time:

    - A view is immutable: the snapshot and every change up to a revision. Any change, be it an article, a curation or
      another snapshot, makes a new view. The first look with that compares what changed with what every kept answer
      rests on, and drops those that it may have made untrue. Who looks with the recommender's present view therefore
      never sees an answer from before a takedown, or without what was published.
    - Between changes the clock alone can change an answer: an article expires, an embargo, a pin or a block ends.
      ``View.next_change_at`` tells when that happens next. What the clock shows or hides then counts as changed.
    - A bound that moves with the clock (``max_age``) is part of what was asked, as the date of the oldest article that
      it lets pass; paths with such a parameter are targets until that article is too old.
    - So is the day, where ages count by it (``prefer``, ``policy.freshness``, ``policy.max_age``); paths are targets
      until it ends.

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
        self._answers: dict[CacheKey, _Entry] = {}
        self._targets: dict[PathAndQuery, tuple[_Entry, UrlEntry]] = {}
        self._bases = KeptBases()
        self._slots: dict[int, _Entry] = {}
        self._comparison = comparison
        self._view: View | None = None
        self._begin, self._end = 0.0, 0.0
        self._following: AnswerCache | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def empty(self) -> AnswerCache:
        """Another one of the same recommender, in which nothing is kept yet."""
        return AnswerCache(self._most, self._most_bytes, self._comparison)

    def latest_asked(self, most: int) -> list[Asked]:
        """What was asked for of late, the last first; of plain questions only, which the clock does not change."""
        recent = list[Asked]()
        for entry in reversed([*self._entries]):
            asked = entry.asked
            if len(recent) < most and asked is not None and not asked.explain and asked.filters == UNFILTERED:
                held = ((key, self._targets.get(key)) for key in [*entry.targets])
                recent.append((asked, [(key, target[1].route) for key, target in held if target is not None]))
        return recent

    def follow_with(self, following: AnswerCache) -> None:
        """Keeps what another cache does instead, as soon as a view of the same snapshot as there is looked with; safe
        from any thread."""
        self._following = following

    def get(self, view: View, now: float, asked: CacheKey) -> CachedResponse | None:
        """The answer of ``view`` at ``now`` (seconds since 1970), None when it is not here."""
        if view is not self._view or not self._begin <= now < self._end:
            self._follow(view, now)
        entry = self._answers.get(asked)
        if entry is None:
            return None
        self._entries.move_to_end(entry)
        return entry.ready

    def target(self, view: View, now: float, path_and_query: PathAndQuery) -> UrlEntry | None:
        """The same by path and query string."""
        if view is not self._view or not self._begin <= now < self._end:
            self._follow(view, now)
        held = self._targets.get(path_and_query)
        if held is None or now >= held[1].until:
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
        known: bool = True,
    ) -> None:
        """Keeps an answer of ``view``, unless another view has been looked with since, or it is partial.

        Args:
            view: the one that was looked with.
            asked: what it answers; None where that was asked for by a name that is no id.
            ready: the answer.
            target: path and query string that lead to it, the template of the route, and until when.
            known: whether there is such an article; where there is none, the answer is the first to go.
        """
        if view is not self._view or not self._most or ready.partial:
            return
        entry = None if asked is None else self._answers.get(asked)
        if entry is None:
            size = ready.size + _ENTRY_BYTES + (0 if asked is None else asked.size)
            entry = _Entry(ready, asked, size, self._bases.put(ready.basis))
            self._entries[entry] = None
            self._slots[entry.slot] = entry
            self.size += entry.size
            if asked is not None:
                self._answers[asked] = entry
        if target is not None:
            self._lead(target[0], entry, UrlEntry(entry.ready, *target[1:]))
        self._entries.move_to_end(entry, last=known)
        while self.size > self._most_bytes or len(self._entries) > self._most:
            self._drop(next(iter(self._entries)))

    def _lead(self, key: PathAndQuery, entry: _Entry, target: UrlEntry) -> None:
        size = sum(map(sys.getsizeof, key)) + _TARGET_BYTES
        before = self._targets.get(key)
        if before is not None:
            before[0].targets.remove(key)
            before[0].size -= size
            self.size -= size
        self._targets[key] = entry, target
        entry.targets.add(key)
        entry.size += size
        self.size += size

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry]
        del self._slots[entry.slot]
        self._bases.remove(entry.slot)
        self.size -= entry.size
        if entry.asked is not None:
            del self._answers[entry.asked]
        for key in entry.targets:
            del self._targets[key]

    def _follow(self, view: View, now: float) -> None:
        """Drops what may not hold any more."""
        following = self._following
        if following is not None and following._view is not None and following._view.snapshot is view.snapshot:
            vars(self).update(vars(following))
        before, changes = self._view, None
        comparison = self._comparison(view) if before is not None and self._entries else None
        if before is not None and comparison is not None:
            changes = comparison.changes(before, self._begin, now, turned=now >= self._end)
        if comparison is None or changes is None:
            for entry in [*self._entries]:
                self._drop(entry)
        elif changes.ids:
            for slot in self._bases.stale(comparison, changes):
                self._drop(self._slots[slot])
        change = view.next_change_at(now)
        self._view, self._begin, self._end = view, now, float("inf") if change is None else change
