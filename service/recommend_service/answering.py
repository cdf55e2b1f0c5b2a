"""Answers about stored articles, computed on a cache miss."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from recommend.articles.impressions import period
from recommend.errors import UnknownArticleError
from recommend.index.filters import Filters
from recommend.index.over import over
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.freshness import DAY, by_the_clock
from recommend.recommender import Recommender
from recommend.stand_ins import stand_in
from recommend_service.cache.answers import CacheKey
from recommend_service.cache.response import CachedResponse, cache_control
from recommend_service.http.parameters import BoxParameters
from recommend_service.state import ServiceState


def cache_key(
    recommender: Recommender,
    view: View,
    name: str,
    article_id: str | None,
    given: BoxParameters,
    filters: Filters | None = None,
) -> CacheKey:
    """The cache key of a request to a recommender.

    Args:
        recommender: answers the request.
        view: state to answer from; its rules decide whether ages count.
        name: the id or URL in the request.
        article_id: its id, None where no article has that name.
        given: the request's parameters.
        filters: of the request, where they were already read.
    """
    rules, now = recommender.settings.policy, time()
    clock = by_the_clock(rules, given.prefer) or (rules.on and view.rules.ages)
    return CacheKey(
        name if article_id is None else article_id,
        given.limit,
        given.fallback,
        given.filters() if filters is None else filters,
        given.explain,
        int(now // DAY) if clock else None,
        None if article_id is None or given.explain else period(article_id, now),
    )


def compute_answer(
    state: ServiceState,
    recommender: Recommender,
    view: View,
    asked: CacheKey,
    *,
    known: bool,
    beside: Recommender | None = None,
    popular: Sequence[str] = (),
) -> tuple[CachedResponse, int]:
    """The answer and the revision up to which it holds; where it is missing or empty, the latest or popular
    articles if the request allows them.

    Args:
        state: its metrics count the answer.
        recommender: answers the request.
        view: state to answer from; a fallback lists the latest articles of the current one.
        asked: the key, see :func:`cache_key`.
        known: whether an article has the id.
        beside: computes in place of ``recommender``, on the same settings and another view: warms the cache.
        popular: ids of the most clicked articles, most clicks first, where they may be the fallback.

    Raises:
        UnknownArticleError: when the article is not there, and nothing may stand in.
    """
    article_id, limit, fallback, filters, explain = asked[:5]
    by = beside or recommender
    answer: Answer | None = None
    impression: str | None = None
    if asked.begun is not None:
        answer, impression = state.recommenders().answer(recommender, by, view, asked)
    elif known:
        answer = by.answer(article_id, limit, filters, explain=explain, view=view)
    if answer is None and fallback == "none":
        raise UnknownArticleError(article_id)
    if answer is not None:
        state.metrics.count_removed(answer.removed)
    if answer is None or (not answer.items and fallback != "none"):
        answer = stand_in(by, fallback, article_id, limit, popular, filters)
    state.metrics.count_partial(answer)
    caching = over(view, lambda view: cache_control(view, article_id, state.settings.service))
    return CachedResponse.of(answer, caching, explain=explain, impression=impression), answer.revision
