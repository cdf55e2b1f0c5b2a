"""The demonstration site: a front page, sections, a search, and a page for every story with its Related Articles box.

Its handlers read through the recommender of the service's state, of which they need what `Library` lists.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from recommend.articles.article import Access, Article
from recommend.index.filters import Filters
from recommend.story import Story as RunningStory
from recommend_service.http.box import LAYOUTS, Look, render_story
from recommend_service.http.pages import FALLBACK_SIZE, Library, Pages, Story, library
from recommend_service.http.paths import ARTICLE
from recommend_service.http.pictures import picture
from recommend_service.running_story import running_story

PAGE_SIZE = 24
FOUND_SIZE = 20
_QUERY_LIMIT = 200
_WHERE = 10
"""Of a story, how many related ones are asked whether it stands under them."""
_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_METHODS = ["GET", "HEAD"]
Tell = Callable[[Request, str], Awaitable[RunningStory | None]]


@dataclass(frozen=True, slots=True)
class Site:
    """The pages.

    Attributes:
        pages: rendered.
        texts: whether a story's page shows its text, where its access is public.
        own: how ids begin of stories that were published on the site; None where that cannot be done.
        tell: the running story of an article; None of an unpublished one.
    """

    pages: Pages
    texts: bool
    own: str | None
    tell: Tell

    async def index(self, request: Request) -> Response:
        """The front page, or that of a section."""
        known = library(request)
        section = request.query_params.get("section") or None
        number = request.query_params.get("page", "1")  # not declared: a wrong one is a missing page, not a 422
        total = dict(known.listing.sections()).get(section, 0) if section else len(known)
        pages = max(1, -(-total // PAGE_SIZE))
        if not _PAGE_NUMBER.fullmatch(number) or int(number) > pages or (section and not total):
            return self.pages.missing(request)
        context = {
            "current": section or "",
            "stories": known.listing.latest(PAGE_SIZE, section=section, offset=(int(number) - 1) * PAGE_SIZE),
            "section": section,
            "number": int(number),
            "pages": pages,
            "total": total,
        }
        return self.pages.render(request, "index.html", context)

    async def search(self, request: Request) -> Response:
        """What words find."""
        words = request.query_params.get("query", "").strip()[:_QUERY_LIMIT]
        found = None
        if words:
            found = await request.app.state.service.threads.read(
                library(request).listing.search, words, FOUND_SIZE, Filters(), None
            )
        return self.pages.render(request, "search.html", {"current": None, "words": words, "found": found})

    async def story(self, request: Request, article_id: str) -> Response:
        """The page of a story."""
        known = library(request)
        article = await request.app.state.service.read(known.article, article_id)
        if article is None:
            return self.pages.missing(request)
        section = article.section
        others = _others(known, article, section)
        if not others and section is not None:
            section, others = None, _others(known, article, None)
        layout = request.query_params.get("layout")
        own = self.own is not None and article.id.startswith(self.own)
        running = await self.tell(request, article.id)
        context = {
            "current": article.section,
            "language": article.language,
            "article": known.card(article),
            "text": article.text if self.texts and article.access == Access.PUBLIC else "",
            "label": _genre_label(article.genre),
            "section": section,
            "others": others,
            "layout": layout if layout in LAYOUTS else LAYOUTS[0],
            "layouts": LAYOUTS,
            "running": running if running is not None and running.articles else None,
            "own": own,
            "under": _stands_under(known, article.id) if own else [],
        }
        return self.pages.render(request, "article.html", context)

    async def timeline(self, request: Request, article_id: str) -> Response:
        """The page of the running story that an article belongs to."""
        known = library(request)
        article = await request.app.state.service.read(known.article, article_id)
        running = None if article is None else await self.tell(request, article_id)
        if article is None or running is None:
            return self.pages.missing(request)
        root = request.scope.get("root_path", "").rstrip("/")
        spoken = "en-GB" if article.language in {None, "en"} else article.language
        look = Look("timeline", link=f"{root}/stories/{{id}}", root=root)
        context = {
            "current": None,
            "language": article.language,
            "article": known.card(article),
            "running": running,
            "box": render_story(running, spoken, look, None) if running.articles else None,
        }
        return self.pages.render(request, "timeline.html", context)

    async def picture(self, request: Request, article_id: str) -> Response:
        """A picture for a story, drawn."""
        article = await request.app.state.service.read(library(request).article, article_id)
        if article is None:
            return self.pages.missing(request)
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(picture(article.id, article.section), headers=headers, media_type="image/svg+xml")


async def _tell(request: Request, article_id: str) -> RunningStory | None:
    state = request.app.state.service
    return await running_story(state, state.recommender(), article_id)


def site_router(
    site_name: str = "Related Articles", *, texts: bool = False, own: str | None = None, tell: Tell = _tell
) -> APIRouter:
    """The routes of the site, under the name shown in the masthead.

    Pages show cards; with ``texts`` also the text of a story, if its access is public. ``own`` is how ids begin of
    stories that were published on the site, where that can be done. ``tell`` gives the running story of an article.
    """
    site = Site(Pages.of(site_name, publishing=own is not None), texts, own, tell)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", site.index, methods=_METHODS)
    router.add_api_route("/search", site.search, methods=_METHODS)
    router.add_api_route(f"/stories/{ARTICLE}", site.story, methods=_METHODS)
    router.add_api_route(f"/timelines/{ARTICLE}", site.timeline, methods=_METHODS)
    router.add_api_route(f"/pictures/{ARTICLE}", site.picture, methods=_METHODS)
    return router


def _others(known: Library, article: Article, section: str | None) -> list[Story]:
    newest = known.listing.latest(FALLBACK_SIZE + 1, section=section)
    return [story for story in newest if story.id != article.id][:FALLBACK_SIZE]


def _stands_under(known: Library, article_id: str) -> list[Story]:
    """Of the stories that are related to one, those in whose boxes it stands."""
    answer = known.answer(article_id, _WHERE)
    boxes = ((one, known.answer(one.id, FALLBACK_SIZE)) for one in (answer.items if answer else []))
    return [one for one, box in boxes if box and any(item.id == article_id for item in box.items)]


def _genre_label(genre: str | None) -> str | None:
    return None if genre in (None, "news") else genre.capitalize()
