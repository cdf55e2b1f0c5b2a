"""The routes that tell the running story an article belongs to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from recommend.errors import UnknownArticleError
from recommend.recommender import Recommender
from recommend_service.cache.response import cache_control
from recommend_service.http.auth import require_reader
from recommend_service.http.fast_route import FastRoute
from recommend_service.http.parameters import FilterParameters
from recommend_service.http.paths import ARTICLE
from recommend_service.http.problems import INDEX_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import StoryBody
from recommend_service.routes.variants import chosen, marked
from recommend_service.running_story import running_story
from recommend_service.state import ServiceState

router = APIRouter(
    prefix="/v1",
    tags=["related"],
    dependencies=[Depends(require_reader)],
    responses=LIMIT_PROBLEMS,
    route_class=FastRoute,
)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": StoryBody, "description": "The story, oldest first; no articles where there is none"},
    404: {**PROBLEM, "description": "Unknown or unpublished"},
    422: {**PROBLEM, "description": "The id, or a parameter, is not valid"},
    **INDEX_PROBLEMS,
    **READ_PROBLEMS,
}


class StoryParameters(FilterParameters):
    """Those of these routes."""

    limit: int = Field(
        50, ge=1, le=50, description="how many articles: this one, the latest, the beginning, then turns, then others"
    )
    variant: str | None = Field(None, description="one of service.variants, as for boxes")
    fallback: Literal["latest", "popular", "none"] = Field(
        "none", description="of the box that the element shows where there is no story; nothing stands in for a story"
    )


class UrlStoryParameters(StoryParameters):
    """Those of the route that finds the article by its URL."""

    url: str


@router.get(f"/articles/{ARTICLE}/story", responses=_RESPONSES, response_class=Response)
async def story(request: Request, given: Annotated[StoryParameters, Query()], article_id: str) -> Response:
    """The running story that a published article belongs to: its beginning, its turns, and its latest."""
    return await _respond(request, chosen(request, given.variant), given, article_id, article_id)


@router.get("/story", responses=_RESPONSES, response_class=Response)
async def story_by_url(request: Request, given: Annotated[UrlStoryParameters, Query()]) -> Response:
    """The same by the article's URL."""
    recommender = chosen(request, given.variant)
    state: ServiceState = request.app.state.service
    article = await state.threads.read(recommender.store.find_url, given.url)
    return await _respond(request, recommender, given, given.url, article)


async def _respond(
    request: Request, recommender: Recommender, given: StoryParameters, name: str, article_id: str | None
) -> Response:
    """Responds for the article that ``name`` stands for, None where none does."""
    state: ServiceState = request.app.state.service
    running = None if article_id is None else await running_story(state, recommender, article_id, given.filters())
    if running is None:
        raise UnknownArticleError(name)
    service = state.settings.service
    caching = await state.search(recommender.over, lambda view: cache_control(view, running.article_id, service))
    body = orjson.dumps(asdict(running.brief(given.limit)), option=orjson.OPT_UTC_Z)
    return marked(request, Response(body, media_type="application/json", headers={"Cache-Control": caching}))
