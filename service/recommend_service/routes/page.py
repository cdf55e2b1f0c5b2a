"""The route that answers for all boxes of a page at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request
from starlette.responses import Response

from recommend.articles.fields import same_id
from recommend.pages import boxes_of_page
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend_service.http.auth import KeyFirstRoute, require_reader
from recommend_service.http.parameters import Parameters, known_parameters
from recommend_service.http.problems import BODY_PROBLEMS, INDEX_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import Page, PageBody, answer_bytes
from recommend_service.state import RecommenderOf, StateOf

router = APIRouter(
    prefix="/v1",
    tags=["related"],
    dependencies=[Depends(require_reader)],
    responses=LIMIT_PROBLEMS,
    route_class=KeyFirstRoute,
)


@router.post(
    "/related:page",
    responses={
        200: {"model": PageBody, "description": "The boxes, in the order of the ids"},
        422: {**PROBLEM, "description": "No ids, too many, or a parameter is out of its range"},
        **INDEX_PROBLEMS,
        **BODY_PROBLEMS,
        **READ_PROBLEMS,
    },
    response_class=Response,
    dependencies=[Depends(known_parameters)],
)
async def related_page(
    request: Request,
    state: StateOf,
    recommender: RecommenderOf,
    given: Annotated[Parameters, Query()],
    page: Annotated[Page, Body()],
) -> Response:
    """The boxes of several articles that stand on one page.

    No story is in two of them, nor is one of these articles or of ``exclude``, nor a duplicate of one; a story is where
    its score is highest, and each box stays full. Under an unknown article stand the newest ones, labelled as such.
    """
    ids = [same_id(article_id) for article_id in page.ids]
    async with state.compute_lock():
        boxes = await state.threads.parse(_boxes, recommender, ids, given)
    parts = (answer_bytes(box, request.scope["request_id"], explain=given.explain) for box in boxes)
    body = b'{"boxes":[' + b",".join(parts) + b"]}"
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _boxes(recommender: Recommender, ids: list[str], given: Parameters) -> list[Answer]:
    return boxes_of_page(recommender, ids, given.limit, given.filters(), explain=given.explain)
