"""Warms the cache of a new snapshot: computes the most recent requests before the snapshot is served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep, time

from recommend.errors import UnknownArticleError
from recommend.index.view import View
from recommend.recommender import Recommender
from recommend_service.answering import compute_answer
from recommend_service.cache.answers import AnswerCache, RecentRequest
from recommend_service.state import ServiceState

MOST = 1_000
"""Requests computed for each recommender at most, the latest first."""

SECONDS = 10.0
"""How long serving a snapshot waits at most. Half of that is sleep, which leaves the processor to readers."""

logger = logging.getLogger(__name__)


def warmer(state: ServiceState) -> Callable[[View], None] | None:
    """A function that recomputes the cached answers for another view, to be called before that is served; None when no
    answer is cached."""
    kept = [(recommender, cache, cache.recently_asked(MOST)) for recommender, cache in state.caches()]
    if not any(asked for *_, asked in kept):
        return None

    def warm(view: View) -> None:
        until = monotonic() + SECONDS
        for recommender, cache, asked in kept:
            try:
                successor = _filled(state, recommender, cache, view, asked, until)
            except Exception as problem:  # a cold cache is no reason not to serve
                logger.warning("snapshot %s is served with a cold cache: %s", view.snapshot.manifest.name, problem)
            else:
                cache.replace_with(successor)

    return warm


def _filled(
    state: ServiceState,
    recommender: Recommender,
    cache: AnswerCache,
    view: View,
    asked: Sequence[RecentRequest],
    until: float,
) -> AnswerCache:
    """A cache with as many answers of ``view`` as can be computed before ``until`` (monotonic clock)."""
    successor, beside = cache.empty_copy(), recommender.pinned(view)
    for key, targets in asked:
        began = monotonic()
        if began >= until:
            break
        successor.get(view, time(), key)
        with suppress(UnknownArticleError):
            ready, _ = compute_answer(state, recommender, view, key, known=True, beside=beside)
            if ready.fallback and key.fallback == "popular":  # clicks change it
                continue
            successor.put(view, key, ready)
            for path_and_query, route in targets:
                successor.put(view, key, ready, (path_and_query, route, key.until(None)))
        sleep(monotonic() - began)
    return successor
