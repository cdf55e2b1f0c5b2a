"""The route that tells the running story an article belongs to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from starlette.responses import Response

from recommend.errors import UnknownArticleError
from recommend.recommender import Recommender
from recommend.story import Story, story_of
from recommend_service.http.paths import ARTICLE
from recommend_service.http.problems import INDEX_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.reading import reading_router, unkept
from recommend_service.http.schemas import StoryBody
from recommend_service.state import RecommenderOf, StateOf

router = reading_router()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": StoryBody, "description": "The story, oldest first; no articles where there is none"},
    404: {**PROBLEM, "description": "Unknown or unpublished"},
    422: {**PROBLEM, "description": "The id is not valid"},
    **INDEX_PROBLEMS,
    **READ_PROBLEMS,
}


@router.get(f"/articles/{ARTICLE}/story", responses=_RESPONSES, response_class=Response)
async def story(state: StateOf, recommender: RecommenderOf, article_id: str) -> Response:
    """The running story that a published article belongs to: its beginning, its turns, and its latest."""
    async with state.compute_lock():
        told = await state.threads.parse(_told, recommender, article_id)
    if told is None:
        raise UnknownArticleError(article_id)
    body = orjson.dumps(asdict(told), option=orjson.OPT_UTC_Z)
    return unkept(body)


def _told(recommender: Recommender, article_id: str) -> Story | None:
    return None if recommender.under_embargo(article_id) else story_of(recommender, article_id)
