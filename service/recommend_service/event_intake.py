"""Receives events about impressions: stored by group commit, counted, pruned by age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic

from recommend.articles.events import Event
from recommend.settings import EventSettings
from recommend.store import Store
from recommend_service.group_commit import GroupCommit
from recommend_service.impressions import Refusal
from recommend_service.metrics import Metrics

_PRUNE_SECONDS = 3_600.0


class EventIntake(GroupCommit[Event | Refusal]):
    """Keeps events, and how many were refused for which reason."""

    def __init__(self, store: Callable[[], Store], settings: EventSettings, metrics: Metrics) -> None:
        """
        Args:
            store: raises a :class:`~recommend.errors.StoreError` where there is none.
            settings: how long events are kept.
            metrics: count them.
        """
        super().__init__(self._keep)
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._pruned = monotonic()

    def _keep(self, told: Sequence[Event | Refusal]) -> None:
        events = [one for one in told if isinstance(one, Event)]
        refused = Counter(one.reason for one in told if isinstance(one, Refusal))
        store = self._store()
        fresh = store.events.add(events, refused)
        self._metrics.count_events({**refused, "kept": fresh, "repeated": len(events) - fresh})
        if self._settings.keep_days and monotonic() - self._pruned > _PRUNE_SECONDS:
            self._pruned = monotonic()
            store.events.prune(self._settings.keep_days)
