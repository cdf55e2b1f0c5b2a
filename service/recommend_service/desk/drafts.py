"""What would stand under a story that is still being written."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from recommend.articles.article import parse_article
from recommend.errors import ArticleError
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend_service.desk.stories import K
from recommend_service.desk.visit import RefusalError, Visit, signed_in

_FIELDS = ("title", "summary", "text", "section", "language", "published_at")
_EMPTY = dict.fromkeys(_FIELDS, "")


@signed_in()
async def show(visit: Visit) -> Response:
    """An empty draft."""
    return visit.page("draft.html", draft=_EMPTY, answer=None, part=False)


@signed_in()
async def preview(visit: Visit) -> Response:
    """The draft and its box; the box alone where a script asks, with ``part``. Nothing is kept."""
    draft = {name: visit.given(name) for name in _FIELDS}
    part = bool(visit.given("part"))
    if not draft["title"]:
        if part:
            return visit.page("box.html", answer=None, draft=draft)
        raise RefusalError("A draft needs a headline.")
    try:
        answer = await visit.state.threads.draft(_answer, visit.recommender, draft)
    except ArticleError as problem:
        raise RefusalError(str(problem)) from None
    return visit.page("box.html" if part else "draft.html", draft=draft, answer=answer, part=False)


def _answer(recommender: Recommender, draft: dict[str, str]) -> Answer:
    row: dict[str, Any] = {name: value for name, value in draft.items() if value}
    return recommender.answer_to(parse_article({"id": "draft", **row}), K, explain=True, nameless=True)
