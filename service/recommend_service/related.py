"""Routes that answer what belongs under a stored article."""

from __future__ import annotations

from time import time
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from recommend.errors import UnknownArticleError
from recommend.live import View
from recommend.recommender import Recommender
from recommend.table import MISSING
from recommend_service.auth import require_reader
from recommend_service.backend import Backend, BackendOf
from recommend_service.cache import Asked, Target
from recommend_service.parameters import Explain, Fallback, FiltersOf, Limit
from recommend_service.paths import ARTICLE
from recommend_service.problems import PROBLEM, READ_PROBLEMS
from recommend_service.ready import Ready, max_age
from recommend_service.schemas import AnswerBody
from recommend_service.variants import VariantOf, marked

_LONGEST_KEPT = 2_048  # what was asked is kept too: its length is bounded, so that the number of answers bounds memory

router = APIRouter(prefix="/v1", tags=["related"], dependencies=[Depends(require_reader)])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody, "description": "The box"},
    304: {"description": "The box has not changed since the ETag given in If-None-Match"},
    404: {**PROBLEM, "description": "Unknown or unpublished, and fallback=none"},
    422: {**PROBLEM, "description": "A parameter or field is out of its range"},
    503: {**PROBLEM, "description": "No snapshot is published, or a part cannot be opened"},
    **READ_PROBLEMS,
}


@router.get(f"/articles/{ARTICLE}/related", responses=_RESPONSES, response_class=Response)
async def related(
    request: Request,
    backend: BackendOf,
    recommender: VariantOf,
    filters: FiltersOf,
    article_id: str,
    limit: Limit = 5,
    fallback: Fallback = "latest",
    explain: Explain = False,
) -> Response:
    """The stories that best belong under a published article."""
    asked = Asked(article_id, limit, fallback, filters, explain)
    return marked(request, _respond(request, backend, recommender, recommender.view(), asked, known=True))


@router.get("/related", responses=_RESPONSES, response_class=Response)
async def related_by_url(
    request: Request,
    backend: BackendOf,
    recommender: VariantOf,
    filters: FiltersOf,
    url: str,
    limit: Limit = 5,
    fallback: Fallback = "latest",
    explain: Explain = False,
) -> Response:
    """The same by the article's URL; tracking parameters, fragment and trailing slash do not matter."""
    view = recommender.view()
    found = recommender.store.find_url(url)
    asked = Asked(url if found is None else found, limit, fallback, filters, explain)
    return marked(request, _respond(request, backend, recommender, view, asked, known=found is not None))


def _respond(
    request: Request, backend: Backend, recommender: Recommender, view: View, asked: Asked, *, known: bool
) -> Response:
    """Responds from the cache, or fills it.

    Args:
        view: as it was before anything was looked up.
        known: whether ``asked`` names an article, and not a URL that none has.
    """
    scope, cache = request.scope, backend.cache(recommender)
    key = asked.normalised()
    ready = cache.get(view, time(), key) if known else None
    scope["cache"] = "miss" if ready is None else "hit"
    if ready is None:
        ready = _ready(backend, recommender, asked, known=known)
    target = scope["path"], scope["query_string"]
    if recommender.view() is view and sum(map(len, target)) <= _LONGEST_KEPT:
        if known:
            cache.put(view, key, ready)
        if "max_age" not in request.query_params:
            cache.put_target(view, target, Target(ready, scope["route"].path_format))
    if ready.fallback:
        backend.metrics.fallbacks.inc()
    status, headers, body = ready.respond(scope["headers"], scope["request_id"])
    response = Response(body, status)
    response.raw_headers = headers
    return response


def _ready(backend: Backend, recommender: Recommender, asked: Asked, *, known: bool) -> Ready:
    """The answer, or the latest articles where it is missing or empty and the request allows them."""
    article_id, limit, fallback, filters, explain = asked
    answer = recommender.answer(article_id, limit, filters, explain=explain) if known else None
    if answer is None and fallback == "none":
        raise UnknownArticleError(article_id)
    if answer is not None:
        backend.metrics.count_removed(answer.removed)
    if answer is None or (not answer.items and fallback == "latest"):
        answer = recommender.latest_answer(article_id, limit, filters)
    service = backend.settings.service
    seconds = max_age(_age(recommender.view(), article_id), service.max_age, service.max_age_old)
    sharing = "private" if service.read_needs_key else "public"
    return Ready.of(answer, f"{sharing}, max-age={seconds}", explain=explain)


def _age(view: View, article_id: str) -> float | None:
    place = view.locate(article_id)
    published = MISSING if place is None else int(view.segments[place[0]].table.published_at[place[1]])
    return None if published == MISSING else time() - published
