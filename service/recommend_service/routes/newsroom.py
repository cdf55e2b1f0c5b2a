"""The newsroom of the demonstration: a form that publishes a story, and a button that takes it down.

For `recommend demo` alone: whoever reaches the site may use them, on stories that were published here and on no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from recommend.articles.article import parse_article
from recommend.errors import ArticleError
from recommend_service.http.pages import Pages, library, story_path
from recommend_service.http.paths import ARTICLE
from recommend_service.routes.articles import store_article

OWN = "published-here-"
"""How the ids of the stories begin."""

_FIELDS = {"title": 200, "summary": 400, "text": 20_000, "section": 60}


@dataclass(frozen=True, slots=True)
class Newsroom:
    """The form, and what it leads to."""

    pages: Pages

    async def form(self, request: Request) -> Response:
        """An empty form."""
        return self._form(request, {}, None)

    async def publish(self, request: Request) -> Response:
        """Publishes what was filled in, and leads to its page."""
        if not _of_this_site(request):
            return self._form(request, {}, "This form was sent from another site.", HTTPStatus.FORBIDDEN)
        sent = parse_qs((await request.body()).decode(errors="replace"))
        given = {name: sent.get(name, [""])[0].strip()[:most] for name, most in _FIELDS.items()}
        row = {**given, "id": f"{OWN}{token_hex(6)}", "language": "en", "published_at": datetime.now(UTC).isoformat()}
        try:
            article = parse_article(row)
        except ArticleError as problem:
            return self._form(request, given, f"{problem.field}: {problem.reason}", HTTPStatus.UNPROCESSABLE_ENTITY)
        state = request.app.state.service
        await state.in_writer(store_article, state.recommender(), article)
        return _lead(request, story_path(article.id))

    async def take_down(self, request: Request, article_id: str) -> Response:
        """Takes down a story that was published here, for good."""
        if not article_id.startswith(OWN) or not _of_this_site(request):
            return self.pages.missing(request)
        state = request.app.state.service
        await state.in_writer(state.store.delete, article_id)
        return _lead(request, "/")

    def _form(
        self, request: Request, given: dict[str, str], problem: str | None, status: int = HTTPStatus.OK
    ) -> Response:
        sections = [name for name, _ in library(request).listing.sections()]
        context = {"current": None, "given": given, "problem": problem, "sections": sections}
        return self.pages.render(request, "publish.html", context, status)


def newsroom_router(site_name: str) -> APIRouter:
    """The routes ``/publish`` and ``/publish/{id}/takedown``."""
    newsroom = Newsroom(Pages.of(site_name, publishing=True))
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/publish", newsroom.form, methods=["GET", "HEAD"])
    router.add_api_route("/publish", newsroom.publish, methods=["POST"])
    router.add_api_route(f"/publish/{ARTICLE}/takedown", newsroom.take_down, methods=["POST"])
    return router


def _of_this_site(request: Request) -> bool:
    """Whether a form was sent from a page of this site: browsers say where from, with every form."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


def _lead(request: Request, path: str) -> Response:
    root = request.scope.get("root_path", "").rstrip("/")
    return RedirectResponse(f"{root}{path}", HTTPStatus.SEE_OTHER)
