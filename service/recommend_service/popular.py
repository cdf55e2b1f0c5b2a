"""The popular articles, counted anew every ten minutes, the same on every worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import time

from recommend.errors import RecommendError
from recommend.ranking.popular import DAYS, most_clicked
from recommend.store import Store
from recommend.store.event_counts import count_clicks
from recommend_service.threads import Threads

_SECONDS = 600
_MOST = 1_000
_PATIENCE = 0.5  # seconds that the first ones who ask wait at most


class PopularArticles:
    """What was clicked most before the last full ten minutes. Used from the event loop's thread only."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._ids: Sequence[str] = ()
        self._until = 0
        self._counting: asyncio.Task[None] | None = None

    async def ids(self, store: Store) -> Sequence[str]:
        """The ids, the most popular first. Only the first one who asks waits for them to be counted."""
        bound = int(time()) // _SECONDS * _SECONDS
        if self._until < bound and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count(store, bound))
        if not self._until and self._counting is not None:
            await asyncio.wait({self._counting}, timeout=_PATIENCE)
        return self._ids

    async def _count(self, store: Store, bound: int) -> None:
        with suppress(RecommendError):  # what was counted before stays, and the next one who asks tries again
            self._ids = await self._threads.read(_popular, store, bound)
            self._until = bound


def _popular(store: Store, bound: int) -> list[str]:
    until = datetime.fromtimestamp(bound, UTC)
    clicks = count_clicks(store.engine, until - timedelta(days=DAYS), until)
    ages = ((one.item_id, (until.date() - one.day).days, one.clicks) for one in clicks)
    return most_clicked((item, float(age), count) for item, age, count in ages)[:_MOST]
