"""Answers about stored articles, made when they are not kept."""

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


def asked_for(
    recommender: Recommender,
    view: View,
    name: str,
    article_id: str | None,
    given: BoxParameters,
    filters: Filters | None = None,
) -> CacheKey:
    """What a request asks of a recommender.

    Args:
        recommender: that is to answer.
        view: whose rules hold.
        name: what the article is asked for by.
        article_id: its id, None where no article has that name.
        given: the request's parameters.
        filters: what they filter by, where that is known.
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


def make(
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
        state: whose metrics count it.
        recommender: that answers.
        view: what is answered from; the latest articles are those of the present one.
        asked: what is asked for.
        known: whether an article has the id.
        beside: a recommender on the view that computes in place of the one that answers, beside it.
        popular: what readers clicked most of late, the most first, where that may stand in.

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
