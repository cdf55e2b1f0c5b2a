"""Routes that answer what belongs under a stored article."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response
from starlette.types import Scope

from recommend.index.over import over
from recommend.index.view import View
from recommend.recommender import Recommender
from recommend_service.answering import cache_key, compute_answer
from recommend_service.cache.answers import CacheKey
from recommend_service.cache.response import CachedResponse
from recommend_service.http.auth import require_reader
from recommend_service.http.fast_route import FastRoute
from recommend_service.http.parameters import BoxParameters, UrlParameters
from recommend_service.http.paths import ARTICLE, raw_path
from recommend_service.http.problems import INDEX_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import AnswerBody
from recommend_service.routes.variants import chosen, marked
from recommend_service.state import ServiceState

_LONGEST_KEPT = 2_048  # bytes of path and query string: what is longer is hardly asked twice

router = APIRouter(
    prefix="/v1",
    tags=["related"],
    dependencies=[Depends(require_reader)],
    responses=LIMIT_PROBLEMS,
    route_class=FastRoute,
)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody, "description": "The box"},
    304: {"description": "The box has not changed since the ETag given in If-None-Match"},
    404: {**PROBLEM, "description": "Unknown or unpublished, and fallback=none"},
    422: {**PROBLEM, "description": "A parameter or field is out of its range"},
    **INDEX_PROBLEMS,
    **READ_PROBLEMS,
}


@router.get(f"/articles/{ARTICLE}/related", responses=_RESPONSES, response_class=Response)
async def related(request: Request, given: Annotated[BoxParameters, Query()], article_id: str) -> Response:
    """The stories that best belong under a published article."""
    recommender = chosen(request, given.variant)
    return await _respond(request, recommender, given, recommender.view(), article_id, article_id)


@router.get("/related", responses=_RESPONSES, response_class=Response)
async def related_by_url(request: Request, given: Annotated[UrlParameters, Query()]) -> Response:
    """The same by the article's URL; tracking parameters, fragment and trailing slash do not matter."""
    recommender = chosen(request, given.variant)
    state: ServiceState = request.scope["app"].state.service
    view = recommender.view()  # as it is before the database is asked
    article_id = await state.threads.read(recommender.store.find_url, given.url)
    return await _respond(request, recommender, given, view, given.url, article_id)


async def _respond(
    request: Request, recommender: Recommender, given: BoxParameters, view: View, name: str, article_id: str | None
) -> Response:
    """Responds from the cache, or fills it once this request has the compute lock.

    Args:
        request: of one who may read.
        recommender: of the variant that is asked for.
        given: the parameters.
        view: what held when the article was looked up.
        name: what the article is asked for by.
        found: its id, None where no article has that name.
    """
    scope = request.scope
    state: ServiceState = scope["app"].state.service
    if article_id is not None and await state.search(recommender.under_embargo, article_id):
        article_id = None
    asked = cache_key(recommender, recommender.view(), name, article_id, given)
    known = article_id is not None
    popular = await state.popular.ids(state.store) if given.fallback == "popular" else ()
    ready, revision = _answered(scope, state, recommender, given, view, asked, known=known)

    def makes() -> tuple[CachedResponse, int]:
        return compute_answer(state, recommender, recommender.view(), asked, known=known, popular=popular)

    if ready is None and state.searches_elsewhere:  # which others need not wait for
        answer = await state.search(makes)
        ready, revision = _answered(scope, state, recommender, given, view, asked, known=known, makes=lambda: answer)
    elif ready is None:
        async with state.compute_lock():
            ready, revision = _answered(scope, state, recommender, given, view, asked, known=known, makes=makes)
    assert ready is not None
    if ready.fallback:
        state.metrics.fallbacks.inc()
    status, headers, body = ready.respond(scope["headers"], scope["request_id"], revision)
    response = Response(body, status)
    response.raw_headers = headers
    return marked(request, response)


def _answered(
    scope: Scope,
    state: ServiceState,
    recommender: Recommender,
    given: BoxParameters,
    view: View,
    asked: CacheKey,
    *,
    known: bool,
    makes: Callable[[], tuple[CachedResponse, int]] | None = None,
) -> tuple[CachedResponse | None, int]:
    """The answer from the cache and the revision up to which it holds; where it is not there, what ``makes`` makes, and
    kept, if that is given, else None."""
    present = recommender.view()
    cache, key = state.recommenders().cache(recommender), asked.normalised(present)
    ready = cache.get(present, time(), key) if known else None
    hit, target = ready is not None, (raw_path(scope), scope["query_string"])
    scope["cache"] = "hit" if hit else "miss"
    revision = present.revision
    if ready is None and makes is not None:
        ready, revision = makes()
    # what a change during all this may have made untrue is not kept, nor what clicks change
    lasts = ready is not None and not (ready.fallback and asked.fallback == "popular")
    if lasts and present is view is recommender.view() and sum(map(len, target)) <= _LONGEST_KEPT:
        assert ready is not None
        leads = target, scope["route"].path_format, key.until(given.max_age)
        exists = hit or (known and over(present, lambda view: view.locate(asked.article_id)) is not None)
        bound = present.revision if isinstance(given, UrlParameters) else None
        cache.put(present, key if known else None, ready, leads, revision=bound, known=exists)
    return ready, revision
