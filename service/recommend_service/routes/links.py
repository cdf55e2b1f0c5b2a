"""The route that proposes links while a story is written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from recommend.articles.article import Article, parse_article
from recommend.linking import Linked, links_of
from recommend.recommender import Recommender
from recommend_service.http.parameters import no_others, refuse_unknown_fields
from recommend_service.http.problems import PROBLEM
from recommend_service.http.reading import QUESTION_PROBLEMS, reading_router, unkept
from recommend_service.http.schemas import Draft, LinksBody
from recommend_service.state import RecommenderOf, StateOf

router = reading_router()


class LinkParameters(BaseModel):
    """Those of this route."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(10, ge=1, le=50, description="most links")


@router.post(
    "/links",
    responses={
        200: {"model": LinksBody, "description": "The links, in order of place"},
        422: {**PROBLEM, "description": "No draft, or a field or parameter is unknown or out of its range"},
        **QUESTION_PROBLEMS,
    },
    response_class=Response,
    dependencies=[no_others(LinkParameters)],
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
    refuse_unknown_fields(request, draft, Article)
    proposed = await state.threads.draft(_proposed, recommender, draft, given.limit)
    body = orjson.dumps({"links": [asdict(link) for link in proposed.links]})
    return unkept(body)


def _proposed(recommender: Recommender, draft: Draft, limit: int) -> Linked:
    return links_of(recommender, parse_article(draft.row()), draft.text, limit, nameless=not draft.has_id)
