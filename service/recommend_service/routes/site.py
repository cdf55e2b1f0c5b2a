"""The demonstration site: a front page, a page for every story with its Related Articles box, and their assets.

Its handlers read through the recommender of the service's state, of which they need what `Library` lists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recommend.articles.article import Access, Article
from recommend.articles.card import Card
from recommend_service.http.assets import asset_path
from recommend_service.http.paths import ARTICLE
from recommend_service.http.web import WEB

PAGE_SIZE = 24
FALLBACK_SIZE = 5
NAVIGATION_SIZE = 12

_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_METHODS = ["GET", "HEAD"]
_PAGE_HEADERS = {"Cache-Control": "no-cache"}


class Story(Protocol):
    """What a list of stories shows of each: the shape of a recommendation."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def summary(self) -> str | None: ...
    @property
    def published_at(self) -> datetime | None: ...
    @property
    def section(self) -> str | None: ...
    @property
    def access(self) -> Access: ...


class Library(Protocol):
    """What the site reads from: published articles only, at their newest revision."""

    def article(self, article_id: str) -> Article | None:
        """The published article of this id, else None."""

    def card(self, article: Article) -> Card:
        """What everybody may see of an article."""

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> Sequence[Story]:
        """At most ``k`` articles, newest first, after the first ``offset`` ones."""

    def sections(self) -> Sequence[tuple[str, int]]:
        """Names of the sections with their number of articles, largest first."""

    @property
    def snapshot(self) -> str:
        """The name of the snapshot being served."""

    def __len__(self) -> int:
        """The number of published articles."""


@dataclass(frozen=True, slots=True)
class Site:
    """The pages.

    Attributes:
        templates: of the pages.
        texts: whether a story's page shows its text, where its access is public.
    """

    templates: Jinja2Templates
    texts: bool

    async def index(self, request: Request) -> Response:
        """The front page, or that of a section."""
        library = _library(request)
        section = request.query_params.get("section") or None
        number = request.query_params.get("page", "1")  # not declared: a wrong one is a missing page, not a 422
        total = dict(library.sections()).get(section, 0) if section else len(library)
        pages = max(1, -(-total // PAGE_SIZE))
        if not _PAGE_NUMBER.fullmatch(number) or int(number) > pages or (section and not total):
            return self._missing(request)
        context = {
            "current": section or "",
            "stories": library.latest(PAGE_SIZE, section=section, offset=(int(number) - 1) * PAGE_SIZE),
            "section": section,
            "number": int(number),
            "pages": pages,
            "total": total,
        }
        return self._page(request, "index.html", context)

    async def story(self, request: Request, article_id: str) -> Response:
        """The page of a story."""
        library = _library(request)
        article = await request.app.state.service.read(library.article, article_id)
        if article is None:
            return self._missing(request)
        section = article.section
        others = _others(library, article, section)
        if not others and section is not None:
            section, others = None, _others(library, article, None)
        context = {
            "current": article.section,
            "language": article.language,
            "article": library.card(article),
            "text": article.text if self.texts and article.access == Access.PUBLIC else "",
            "label": _genre_label(article.genre),
            "section": section,
            "others": others,
        }
        return self._page(request, "article.html", context)

    def _page(self, request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
        return self.templates.TemplateResponse(request, template, context, status, _PAGE_HEADERS)

    def _missing(self, request: Request) -> Response:
        context = {"current": None, "stories": _library(request).latest(FALLBACK_SIZE)}
        return self._page(request, "missing.html", context, 404)


def site_router(site_name: str = "Related Articles", *, texts: bool = False) -> APIRouter:
    """The routes ``/`` and ``/stories/{id}``, under the name shown in the masthead.

    Pages show cards; with ``texts`` also the text of a story, if its access is public.
    """
    site = Site(_templates(site_name), texts)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", site.index, methods=_METHODS)
    router.add_api_route(f"/stories/{ARTICLE}", site.story, methods=_METHODS)
    return router


def _templates(site_name: str) -> Jinja2Templates:
    environment = Environment(
        loader=FileSystemLoader(WEB / "site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(day=_day, moment=_moment)
    environment.globals.update(
        access_labels={Access.MEMBERS: "For members", Access.PAID: "For subscribers"},
        site_name=site_name,
        story_path=_story_path,
        front_path=_front_path,
        fallback_size=FALLBACK_SIZE,
        asset_path=asset_path,
    )
    return Jinja2Templates(env=environment, context_processors=[_frame])


def _library(request: Request) -> Library:
    library: Library = request.app.state.service.recommender()
    return library


def _frame(request: Request) -> dict[str, Any]:
    library = _library(request)
    return {
        "root": request.scope.get("root_path", "").rstrip("/"),
        "navigation": library.sections()[:NAVIGATION_SIZE],
        "count": len(library),
        "snapshot": library.snapshot,
    }


def _others(library: Library, article: Article, section: str | None) -> list[Story]:
    newest = library.latest(FALLBACK_SIZE + 1, section=section)
    return [story for story in newest if story.id != article.id][:FALLBACK_SIZE]


def _genre_label(genre: str | None) -> str | None:
    return None if genre in (None, "news") else genre.capitalize()


def _story_path(article_id: str) -> str:
    return f"/stories/{quote(article_id, safe='')}"


def _front_path(section: str | None = None, page: int = 1) -> str:
    query = {name: value for name, value in (("section", section), ("page", page)) if value not in (None, 1)}
    return f"/?{urlencode(query)}" if query else "/"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"


def _moment(moment: datetime) -> str:
    """With the hour, unless it is midnight sharp: then the source knew the day only."""
    return f"{_day(moment)}, {moment:%H:%M} UTC" if (moment.hour, moment.minute) != (0, 0) else _day(moment)
