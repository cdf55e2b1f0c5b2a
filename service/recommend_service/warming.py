"""Answers that are asked for most, made of a snapshot before it is served."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep, time

from recommend.errors import UnknownArticleError
from recommend.index.view import View
from recommend.recommender import Recommender
from recommend_service.cache.answers import AnswerCache, Asked
from recommend_service.making import make
from recommend_service.state import ServiceState

MOST = 1_000
"""Answers of each recommender that are made, those asked for last first."""

SECONDS = 10.0
"""For which a snapshot waits at most, half of them at rest, so that readers of the one before are attended to."""

logger = logging.getLogger(__name__)


def warmer(state: ServiceState) -> Callable[[View], None] | None:
    """What makes the answers that are kept now of another view, which is served then; None where none are kept."""
    kept = [(recommender, cache, cache.latest_asked(MOST)) for recommender, cache in state.caches()]
    if not any(asked for *_, asked in kept):
        return None

    def warm(view: View) -> None:
        until = monotonic() + SECONDS
        for recommender, cache, asked in kept:
            try:
                following = _filled(state, recommender, cache, view, asked, until)
            except Exception as problem:  # the snapshot is as good without
                logger.warning("snapshot %s is served without answers: %s", view.snapshot.manifest.name, problem)
            else:
                cache.follow_with(following)

    return warm


def _filled(
    state: ServiceState, recommender: Recommender, cache: AnswerCache, view: View, asked: Sequence[Asked], until: float
) -> AnswerCache:
    """A cache with the answers of a view, as many as there are until a moment of the monotonic clock."""
    following, beside = cache.empty(), recommender.pinned(view)
    for key, targets in asked:
        began = monotonic()
        if began >= until:
            break
        following.get(view, time(), key)
        with suppress(UnknownArticleError):
            ready, _ = make(state, recommender, view, key, known=True, beside=beside)
            if ready.fallback and key.fallback == "popular":  # clicks change it
                continue
            following.put(view, key, ready)
            for path_and_query, route in targets:
                following.put(view, key, ready, (path_and_query, route, key.until(None)))
        sleep(monotonic() - began)
    return following
