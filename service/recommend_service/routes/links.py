"""The route that proposes links while a story is written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from recommend.articles.article import parse_article
from recommend.linking import Linked, links_of
from recommend.recommender import Recommender
from recommend_service.http.auth import KeyFirstRoute, require_reader
from recommend_service.http.parameters import refuse_unknown
from recommend_service.http.problems import BODY_PROBLEMS, INDEX_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import Draft, LinksBody
from recommend_service.state import RecommenderOf, StateOf

router = APIRouter(
    prefix="/v1",
    tags=["related"],
    dependencies=[Depends(require_reader)],
    responses=LIMIT_PROBLEMS,
    route_class=KeyFirstRoute,
)


class LinkParameters(BaseModel):
    """Those of this route."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(10, ge=1, le=50, description="how many links")


async def _known_parameters(request: Request) -> None:
    refuse_unknown(request, LinkParameters)


@router.post(
    "/links",
    responses={
        200: {"model": LinksBody, "description": "The links, in order of place"},
        422: {**PROBLEM, "description": "No draft, or a parameter is out of its range"},
        **INDEX_PROBLEMS,
        **BODY_PROBLEMS,
        **READ_PROBLEMS,
    },
    response_class=Response,
    dependencies=[Depends(_known_parameters)],
)
async def links(
    request: Request,
    state: StateOf,
    recommender: RecommenderOf,
    given: Annotated[LinkParameters, Query()],
    draft: Annotated[Draft, Body()],
) -> Response:
    """Words in a draft's text, HTML or plain, and the published story that each should lead to.

    A link stands on the first words that name what draft and story share with few others; none inside links, headings
    or quotations, one to a story, and one in sixty words at most. What the text links already is not proposed again.
    """
    proposed = await state.threads.draft(_proposed, recommender, draft, given.limit)
    body = orjson.dumps({"links": [asdict(link) for link in proposed.links]})
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _proposed(recommender: Recommender, draft: Draft, limit: int) -> Linked:
    return links_of(recommender, parse_article(draft.row()), draft.text, limit, nameless=not draft.has_id)
