"""Routes that answer: what belongs under a story."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from recommend.article import parse_article
from recommend.errors import UnknownArticleError
from recommend.recommender import Answer, Recommender
from recommend.table import Filters
from recommend_service.backend import BackendOf, RecommenderOf
from recommend_service.problems import Problem
from recommend_service.schemas import AnswerBody, Draft, answer_bytes

router = APIRouter(prefix="/v1", tags=["related"])

_STALE_SECONDS = 86_400
PROBLEM = {"content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
BODY_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM, "description": "The body cannot be parsed: not UTF-8, nested too deeply, a number of huge length"},
    413: {**PROBLEM, "description": "The body is too large"},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerBody, "description": "The box"},
    304: {"description": "The box has not changed since the ETag given in If-None-Match"},
    404: {**PROBLEM, "description": "Unknown or unpublished, and fallback=none"},
    422: {**PROBLEM, "description": "A parameter or field is out of its range"},
    503: {**PROBLEM, "description": "No snapshot is published, or a part cannot be opened"},
}

Limit = Annotated[int, Query(ge=1, le=50, description="how many items")]
Fallback = Annotated[Literal["latest", "none"], Query(description="what stands in where nothing is related")]
Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value),
    Field(ge=timedelta(0)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "duration"}]}),
]
Explain = Annotated[bool, Query(description="add each feature's value and weight")]


async def filters(
    section: str | None = None,
    language: Annotated[str | None, Query(description="default: that of the article")] = None,
    site: str | None = None,
    tag: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    max_age: Annotated[Duration | None, Query(description="seconds, or an ISO 8601 duration such as P7D")] = None,
    exclude: Annotated[list[str] | None, Query(description="ids, separated by commas or repeated")] = None,
) -> Filters:
    """The filters of a request."""
    since, until = _utc(since), _utc(until)
    if max_age is not None:
        try:
            oldest = datetime.now(UTC) - max_age
        except OverflowError:
            oldest = datetime.min.replace(tzinfo=UTC)
        since = oldest if since is None else max(since, oldest)
    excluded = frozenset(part for value in exclude or [] for part in (value, *value.split(",")) if part)
    return Filters(section, language, site, tag, since, until, excluded)


FiltersOf = Annotated[Filters, Depends(filters)]


@router.get("/articles/{article_id:path}/related", responses=_RESPONSES, response_class=Response)
async def related(
    request: Request,
    recommender: RecommenderOf,
    filters: FiltersOf,
    article_id: str,
    limit: Limit = 5,
    fallback: Fallback = "latest",
    explain: Explain = False,
) -> Response:
    """The stories that best belong under a published article."""
    answer = recommender.answer(article_id, limit, filters, explain=explain)
    return _respond(request, _full(recommender, answer, article_id, limit, filters, fallback), explain)


@router.get("/related", responses=_RESPONSES, response_class=Response)
async def related_by_url(
    request: Request,
    recommender: RecommenderOf,
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
    return _respond(request, found, explain)


@router.post(
    "/related",
    responses={k: v for k, v in _RESPONSES.items() if k not in {304, 404}} | BODY_PROBLEMS,
    response_class=Response,
)
async def related_to_draft(
    backend: BackendOf,
    recommender: RecommenderOf,
    filters: FiltersOf,
    draft: Annotated[Draft, Body()],
    limit: Limit = 5,
    explain: Explain = False,
) -> Response:
    """What would stand under a draft that is not stored."""
    article = parse_article(draft.row())
    answer = await backend.in_writer(_answer_to, recommender, article, limit, filters, explain)
    if not draft.has_id:
        answer = replace(answer, article_id=None)
    body = answer_bytes(answer, str(uuid.uuid4()), explain=explain)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _answer_to(recommender: Recommender, article: Any, limit: int, filters: Filters, explain: bool) -> Answer:
    return recommender.answer_to(article, limit, filters, explain=explain)


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
    max_age = request.app.state.settings.service.max_age
    headers = {
        "ETag": f"W/{tag}",
        "Cache-Control": f"public, max-age={max_age}, stale-while-revalidate={_STALE_SECONDS}, "
        f"stale-if-error={_STALE_SECONDS}",
    }
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = answer_bytes(answer, str(uuid.uuid4()), explain=explain)
    return Response(body, media_type="application/json", headers=headers)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
