"""Ready answers to what was asked before."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cachetools import LRUCache

from recommend.live import View
from recommend.table import Filters, moment, seconds
from recommend_service.ready import Ready

_NO_FILTERS = Filters()
_NEVER = datetime.max.replace(tzinfo=UTC)


class Asked(NamedTuple):
    """Everything that decides the answer of one recommender at one view and moment."""

    article_id: str
    limit: int
    fallback: str
    filters: Filters = _NO_FILTERS
    explain: bool = False

    def normalised(self, view: View) -> Asked:
        """Equal for requests that have the same answer at a view: no article is dated between their bounds."""
        since, until = self.filters.since, self.filters.until
        if since is None and until is None:
            return self
        first = None if since is None else view.first_published(seconds(since))
        bound = None if since is None else _NEVER if first is None else moment(first)
        return self._replace(filters=replace(self.filters, since=bound, until=moment(seconds(until))))

    def until(self, max_age: timedelta | None) -> float:
        """When the bound that ``max_age`` gave to this, which is normalised, has moved on to the next article."""
        since = self.filters.since
        return math.inf if max_age is None or since is None else since.timestamp() + max_age.total_seconds()


class Target(NamedTuple):
    """What a path and a query string lead to: an answer, the template of the route that gave it, and until when, in
    seconds since 1970, should nothing else change."""

    ready: Ready
    route: str
    until: float = math.inf


class AnswerCache:
    """The most recently asked answers of one recommender. Used from the event loop's thread only.

    What is kept holds for one view, and for a span of time:

    - A view is immutable: the snapshot and every change up to a revision. Any change, be it an article, a curation or
      another snapshot, makes a new view, and the first look with that drops all that was kept. Who looks with the
      recommender's present view therefore never sees an answer from before a takedown, or without what was published.
    - Between changes the clock alone can change an answer: an article expires, an embargo, a pin or a block ends.
      ``View.next_turn`` tells when that happens next. All that was kept is dropped then.
    - A bound that moves with the clock (``max_age``) is part of what was asked, as the date of the oldest article that
      it lets pass; paths with such a parameter are targets until that article is too old.

    Answers are made one at a time, each request looking again when its turn has come, so that none is made twice.
    """

    def __init__(self, size: int) -> None:
        """
        Args:
            size: answers that are kept; 0: none.
        """
        self._answers: LRUCache[Asked, Ready] = LRUCache(size)
        self._targets: LRUCache[tuple[str, bytes], Target] = LRUCache(size)
        self._view: View | None = None
        self._begin, self._end = 0.0, 0.0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, view: View, now: float, asked: Asked) -> Ready | None:
        """The answer of ``view`` at ``now`` (seconds since 1970), None when it is not here."""
        if view is not self._view or not self._begin <= now < self._end:
            self._turn(view, now)
        return self._answers.get(asked)

    def target(self, view: View, now: float, path_and_query: tuple[str, bytes]) -> Target | None:
        """The same by path and query string."""
        if view is not self._view or not self._begin <= now < self._end:
            self._turn(view, now)
        found = self._targets.get(path_and_query)
        return found if found is not None and now < found.until else None

    def put(self, view: View, asked: Asked, ready: Ready) -> None:
        """Keeps an answer of ``view``, unless another view has been looked with since."""
        if view is self._view and self._answers.maxsize:
            self._answers[asked] = ready

    def put_target(self, view: View, path_and_query: tuple[str, bytes], target: Target) -> None:
        """Keeps what a path and a query string lead to in ``view``, unless another one has been looked with since."""
        if view is self._view and self._targets.maxsize:
            self._targets[path_and_query] = target

    def _turn(self, view: View, now: float) -> None:
        turn = view.next_turn(now)
        self._answers.clear()
        self._targets.clear()
        self._view, self._begin, self._end = view, now, float("inf") if turn is None else turn
