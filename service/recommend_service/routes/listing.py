"""Routes that find articles: by words, newest first without any, and why one is in the box of another or not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from recommend import inspection
from recommend.articles.fields import same_id
from recommend.index.filters import Filters
from recommend.ranking.search import Found, Mark
from recommend.recommender import Recommender
from recommend.store.keys import Scope
from recommend_service.http.auth import KeyFirstRoute, KeyOf, require_explainer, require_reader
from recommend_service.http.cursor import read_cursor, write_cursor
from recommend_service.http.parameters import ListParameters, WhyParameters, no_others
from recommend_service.http.paths import ARTICLE
from recommend_service.http.problems import KEY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import ListBody, WhyBody
from recommend_service.state import RecommenderOf, StateOf

router = APIRouter(prefix="/v1", tags=["articles"], responses=LIMIT_PROBLEMS, route_class=KeyFirstRoute)


@router.get(
    "/articles",
    dependencies=[Depends(require_reader), no_others(ListParameters)],
    response_class=Response,
    responses={
        200: {"model": ListBody, "description": "A page of cards"},
        422: {**PROBLEM, "description": "A parameter is out of its range"},
        503: {**PROBLEM, "description": "No snapshot is published, or the store cannot be read"},
        **READ_PROBLEMS,
    },
)
async def list_articles(
    state: StateOf, recommender: RecommenderOf, key: KeyOf, given: Annotated[ListParameters, Query()]
) -> Response:
    """Cards of published articles: those that `query` finds, best first, or the newest.

    `query` may be an id or a URL, too. Drafts, what expired and what is yet to appear are never listed; what editors
    hide only with a key of scope `curate`. A word of a body that is not public finds its article only with a key of
    scope `read` or `write`.
    """
    scopes = frozenset[Scope]() if key is None else key.scopes
    whole = not scopes.isdisjoint({Scope.READ, Scope.WRITE})
    asked = state.recommenders().editors if whole else recommender
    after, filters = read_cursor(given.cursor), given.filters()
    page = await state.threads.read(_search, asked, given, filters, after, Scope.CURATE in scopes)
    private = state.settings.service.read_needs_key or bool(scopes)
    unkept = private or page.partial
    headers = {
        "Cache-Control": "private, no-store" if unkept else f"public, max-age={state.settings.service.max_age}",
        "Vary": "Authorization",
    }
    told = {"items": [asdict(card) for card in page.cards], "total": page.total, "next": write_cursor(page.last)}
    body = orjson.dumps(told | ({"partial": True} if page.partial else {}), option=orjson.OPT_UTC_Z)
    return Response(body, headers=headers, media_type="application/json")


def _search(
    recommender: Recommender, given: ListParameters, filters: Filters, after: Mark | None, hidden: bool
) -> Found:
    return recommender.listing.search(given.query or "", given.limit, filters, after, hidden=hidden)


@router.get(
    f"/articles/{ARTICLE}/why",
    dependencies=[Depends(require_explainer), no_others(WhyParameters)],
    response_class=Response,
    responses={
        200: {"model": WhyBody, "description": "How the other article stands under this one"},
        404: {**PROBLEM, "description": "One of the two is unknown or unpublished"},
        422: {**PROBLEM, "description": "A parameter is out of its range"},
        503: {**PROBLEM, "description": "No snapshot is published, or the store cannot be read"},
        **KEY_PROBLEMS,
    },
)
async def why(state: StateOf, article_id: str, given: Annotated[WhyParameters, Query()]) -> Response:
    """Why one article is, or is not, in the box of another: rank, score and its parts, and what filtered it."""
    await state.caught_up()
    editors = state.recommenders().editors
    async with state.compute_lock():
        reason = await state.search(inspection.why, editors, article_id, same_id(given.other), given.limit)
    body = orjson.dumps(asdict(reason))
    return Response(body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")
