"""The route that answers for all boxes of a page at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query, Request
from starlette.responses import Response

from recommend.articles.fields import same_id
from recommend.pages import boxes_of_page
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend_service.http.parameters import Parameters, no_others
from recommend_service.http.problems import PROBLEM
from recommend_service.http.reading import QUESTION_PROBLEMS, reading_router, unkept
from recommend_service.http.schemas import Page, PageBody, answer_bytes
from recommend_service.state import RecommenderOf, StateOf

router = reading_router()


@router.post(
    "/related:page",
    responses={
        200: {"model": PageBody, "description": "The boxes, in the order of the ids"},
        422: {**PROBLEM, "description": "No ids, too many, or a parameter is out of its range"},
        **QUESTION_PROBLEMS,
    },
    response_class=Response,
    dependencies=[no_others(Parameters)],
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
    return unkept(body)


def _boxes(recommender: Recommender, ids: list[str], given: Parameters) -> list[Answer]:
    return boxes_of_page(recommender, ids, given.limit, given.filters(), explain=given.explain)
