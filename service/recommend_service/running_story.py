"""The running story of an article, read in a worker thread so that the event loop never waits for it."""

from __future__ import annotations

from recommend.index.filters import Filters
from recommend.recommender import Recommender
from recommend.story import Story, story_of
from recommend_service.state import ServiceState


async def running_story(
    state: ServiceState, recommender: Recommender, article_id: str, filters: Filters = Filters()
) -> Story | None:
    """The story of a published article; None when no published article has the id, or its date is yet to come."""
    async with state.compute_lock():
        return await state.threads.parse(_story, recommender, article_id, filters)


def _story(recommender: Recommender, article_id: str, filters: Filters) -> Story | None:
    return None if recommender.under_embargo(article_id) else story_of(recommender, article_id, filters)
