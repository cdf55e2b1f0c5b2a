"""Routes that answer queries that are no stored article."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Request
from starlette.responses import Response

from recommend.articles.article import parse_article
from recommend.articles.fields import same_id
from recommend.index.filters import Filters
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend_service.http.parameters import Parameters, no_others
from recommend_service.http.problems import PROBLEM
from recommend_service.http.reading import QUESTION_PROBLEMS, reading_router, unkept
from recommend_service.http.schemas import AnswerBody, Draft, History, QueryBody, answer_bytes
from recommend_service.state import RecommenderOf, StateOf

router = reading_router()

_EXAMPLES: dict[str, Any] = {
    "draft": {"summary": "A draft", "value": {"title": "Leaders condemn drone attack", "text": "…"}},
    "history": {"summary": "A reading history", "value": {"ids": ["story-7", "story-3", "story-1"]}},
}


@router.post(
    "/related",
    responses={
        200: {"model": AnswerBody, "description": "The box"},
        422: {**PROBLEM, "description": "Neither a draft nor a history, or a parameter is out of its range"},
        **QUESTION_PROBLEMS,
    },
    response_class=Response,
    dependencies=[no_others(Parameters)],
)
async def related_to(
    request: Request,
    state: StateOf,
    recommender: RecommenderOf,
    given: Annotated[Parameters, Query()],
    query: Annotated[QueryBody, Body(openapi_examples=_EXAMPLES)],
) -> Response:
    """What would stand under a draft that is not stored, or what belongs to what a reader has read.

    For a history the last five of its articles are ranked for, each counting half of the one read after it. None of
    its articles is in the box, nor a duplicate of one. Unknown ids are passed over; where all are, the newest articles
    stand in, labelled as such.
    """
    asked, filters, limit, explain = query.root, given.filters(), given.limit, given.explain
    if isinstance(asked, History):
        async with state.compute_lock():
            answer = await state.search(_answer_history, recommender, asked, limit, filters, explain)
    else:
        answer = await state.threads.draft(_answer_to, recommender, asked, limit, filters, explain)
    state.metrics.count_partial(answer)
    body = answer_bytes(answer, request.scope["request_id"], explain=explain)
    return unkept(body)


def _answer_history(recommender: Recommender, asked: History, limit: int, filters: Filters, explain: bool) -> Answer:
    named = [same_id(article_id) for article_id in asked.ids]
    ids = [article_id for article_id in named if not recommender.under_embargo(article_id)]
    return recommender.answer_history(ids, limit, filters, explain=explain)


def _answer_to(recommender: Recommender, draft: Draft, limit: int, filters: Filters, explain: bool) -> Answer:
    article = parse_article(draft.row())
    return recommender.answer_to(article, limit, filters, explain=explain, nameless=not draft.has_id)
