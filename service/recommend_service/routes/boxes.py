"""Routes that answer with the box as markup, for pages without script."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from recommend.errors import UnknownArticleError
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import ServiceSettings
from recommend.stand_ins import stand_in
from recommend_service.cache.response import UNKEPT, cache_control, names_tag
from recommend_service.http.auth import require_reader
from recommend_service.http.box import render_box, render_story
from recommend_service.http.fast_route import FastRoute
from recommend_service.http.markup_parameters import MarkupParameters, UrlMarkupParameters
from recommend_service.http.paths import ARTICLE
from recommend_service.http.problems import INDEX_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
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
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The box"},
    304: {"description": "The box has not changed since the ETag given in If-None-Match"},
    404: {**PROBLEM, "description": "Unknown or unpublished, and fallback=none"},
    422: {**PROBLEM, "description": "A parameter is out of its range"},
    **INDEX_PROBLEMS,
    **READ_PROBLEMS,
}


@router.get(f"/articles/{ARTICLE}/related.html", responses=_RESPONSES, response_class=Response)
async def related_html(request: Request, given: Annotated[MarkupParameters, Query()], article_id: str) -> Response:
    """The box of a published article as HTML, to be put into a page, or with `page=true` into a frame."""
    return await _respond(request, chosen(request, given.variant), given, article_id, article_id)


@router.get("/related.html", responses=_RESPONSES, response_class=Response)
async def related_html_by_url(request: Request, given: Annotated[UrlMarkupParameters, Query()]) -> Response:
    """The same by the article's URL."""
    recommender = chosen(request, given.variant)
    state: ServiceState = request.app.state.service
    article = await state.threads.read(recommender.store.find_url, given.url)
    return await _respond(request, recommender, given, given.url, article)


async def _respond(
    request: Request, recommender: Recommender, given: MarkupParameters, name: str, article_id: str | None
) -> Response:
    """Responds for the article that ``name`` stands for, None where none does."""
    state: ServiceState = request.app.state.service
    if article_id is not None and await state.search(recommender.under_embargo, article_id):
        article_id = None
    popular = await state.popular.ids(state.store) if given.fallback == "popular" else ()
    service = state.settings.service
    own, caching = await state.search(recommender.over, lambda view: _told(view, article_id, name, service))
    language, look = given.lang or own, given.look()
    if look.layout == "timeline" and article_id is not None:
        story = await running_story(state, recommender, article_id, given.filters())
        if story is not None and story.articles:
            return _marked(request, render_story(story.brief(given.limit), language, look, article_id), caching)
    async with state.compute_lock():
        answer = await state.search(_answer, recommender, given, name, article_id, popular)
    state.metrics.count_removed(answer.removed)
    state.metrics.count_partial(answer)
    if answer.fallback is not None:
        state.metrics.fallbacks.inc()
    return _marked(request, render_box(answer, language, look), UNKEPT if answer.partial else caching)


def _marked(request: Request, markup: str, caching: str) -> Response:
    body = markup.encode()
    tag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = {"Cache-Control": caching, "ETag": f"W/{tag}"}  # its bytes are others where it is compressed
    if names_tag(request.headers.get("If-None-Match", "").encode(), tag.encode()):
        return marked(request, Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"}))
    return marked(request, Response(body, headers=headers, media_type="text/html; charset=utf-8"))


def _told(view: View, article_id: str | None, name: str, service: ServiceSettings) -> tuple[str | None, str]:
    """The article's language, and who may keep its box for how long."""
    place = None if article_id is None else view.locate(article_id)
    language = None if place is None else view.segments[place[0]].table.card(place[1]).language
    return language, cache_control(view, article_id or name, service)


def _answer(
    recommender: Recommender, given: MarkupParameters, name: str, article_id: str | None, popular: Sequence[str]
) -> Answer:
    """The box, or the latest or popular articles where it is missing or empty and the request allows them."""
    filters = given.filters()
    answer = None if article_id is None else recommender.answer(article_id, given.limit, filters)
    if answer is None and given.fallback == "none":
        raise UnknownArticleError(name)
    if answer is not None and (answer.items or given.fallback == "none"):
        return answer
    return stand_in(recommender, given.fallback, article_id or name, given.limit, popular, filters)
