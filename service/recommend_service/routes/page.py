"""The route that answers for all boxes of a page at once."""

from __future__ import annotations

from dataclasses import replace
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

    No story is in two of them, nor is one of these articles or of ``exclude``, in the address or in the body, nor a
    duplicate of one; a story is where it is related and its score is highest, and each box stays full. Under an unknown
    article stand the newest ones, labelled as such.
    """
    async with state.compute_lock():
        boxes = await state.threads.parse(_boxes, recommender, page, given)
    state.metrics.count_partial(*boxes)
    parts = (answer_bytes(box, request.scope["request_id"], explain=given.explain) for box in boxes)
    body = b'{"boxes":[' + b",".join(parts) + b"]}"
    return unkept(body)


def _boxes(recommender: Recommender, page: Page, given: Parameters) -> list[Answer]:
    filters = given.filters()
    filters = replace(filters, exclude=filters.exclude.union(map(same_id, page.exclude)))
    return boxes_of_page(recommender, list(map(same_id, page.ids)), given.limit, filters, explain=given.explain)
