"""Routes that answer what belongs under a stored article."""

from __future__ import annotations

import hashlib
import uuid
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from recommend.errors import UnknownArticleError
from recommend.recommender import Answer, Recommender
from recommend.table import Filters
from recommend_service.auth import require_reader
from recommend_service.parameters import Explain, Fallback, FiltersOf, Limit
from recommend_service.problems import PROBLEM, READ_PROBLEMS
from recommend_service.schemas import AnswerBody, answer_bytes
from recommend_service.variants import VariantOf, marked

router = APIRouter(prefix="/v1", tags=["related"], dependencies=[Depends(require_reader)])

_STALE_SECONDS = 86_400
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody, "description": "The box"},
    304: {"description": "The box has not changed since the ETag given in If-None-Match"},
    404: {**PROBLEM, "description": "Unknown or unpublished, and fallback=none"},
    422: {**PROBLEM, "description": "A parameter or field is out of its range"},
    503: {**PROBLEM, "description": "No snapshot is published, or a part cannot be opened"},
    **READ_PROBLEMS,
}


@router.get("/articles/{article_id:path}/related", responses=_RESPONSES, response_class=Response)
async def related(
    request: Request,
    recommender: VariantOf,
    filters: FiltersOf,
    article_id: str,
    limit: Limit = 5,
    fallback: Fallback = "latest",
    explain: Explain = False,
) -> Response:
    """The stories that best belong under a published article."""
    answer = recommender.answer(article_id, limit, filters, explain=explain)
    found = _full(recommender, answer, article_id, limit, filters, fallback)
    return marked(request, _respond(request, found, explain))


@router.get("/related", responses=_RESPONSES, response_class=Response)
async def related_by_url(
    request: Request,
    recommender: VariantOf,
    filters: FiltersOf,
    url: str,
    limit: Limit = 5,
    fallback: Fallback = "latest",
    explain: Explain = False,
) -> Response:
    """The same by the article's URL; tracking parameters, fragment and trailing slash do not matter."""
    article_id = recommender.store.find_url(url)
    answer = None if article_id is None else recommender.answer(article_id, limit, filters, explain=explain)
    found = _full(recommender, answer, url if article_id is None else article_id, limit, filters, fallback)
    return marked(request, _respond(request, found, explain))


def _full(
    recommender: Recommender, answer: Answer | None, article_id: str, limit: int, filters: Filters, fallback: str
) -> Answer:
    """The answer, or the latest articles where it is missing or empty and the request allows them."""
    if answer is None and fallback == "none":
        raise UnknownArticleError(article_id)
    if answer is None or (not answer.items and fallback == "latest"):
        return recommender.latest_answer(article_id, limit, filters)
    return answer


def _respond(request: Request, answer: Answer, explain: bool) -> Response:
    content = answer_bytes(answer, "", explain=explain)
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    settings = request.app.state.settings.service
    sharing = "private" if settings.read_needs_key else "public"
    headers = {
        "ETag": f"W/{tag}",
        "Cache-Control": f"{sharing}, max-age={settings.max_age}, stale-while-revalidate={_STALE_SECONDS}, "
        f"stale-if-error={_STALE_SECONDS}",
    }
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = answer_bytes(answer, str(uuid.uuid4()), explain=explain)
    return Response(body, media_type="application/json", headers=headers)
