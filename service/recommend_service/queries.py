"""Routes that answer queries that are no stored article."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from starlette.responses import Response

from recommend.article import parse_article
from recommend.recommender import Answer, Recommender
from recommend.table import Filters
from recommend_service.auth import require_reader
from recommend_service.backend import BackendOf, RecommenderOf
from recommend_service.parameters import Explain, FiltersOf, Limit
from recommend_service.problems import BODY_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.schemas import AnswerBody, Draft, answer_bytes

router = APIRouter(prefix="/v1", tags=["related"], dependencies=[Depends(require_reader)])


@router.post(
    "/related",
    responses={
        200: {"model": AnswerBody, "description": "The box"},
        422: {**PROBLEM, "description": "Not an article, or a parameter is out of its range"},
        503: {**PROBLEM, "description": "No snapshot is published, or a part cannot be opened"},
        **BODY_PROBLEMS,
        **READ_PROBLEMS,
    },
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
