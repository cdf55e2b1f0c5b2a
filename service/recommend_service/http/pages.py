"""Pages of the demonstration site: their templates, and what all of them show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from recommend.articles.article import Access, Article
from recommend.articles.card import Card
from recommend.index.filters import Filters
from recommend.ranking.answer import Answer
from recommend.ranking.search import Found, Mark
from recommend_service.http.box import beginning
from recommend_service.http.templates import templates

FALLBACK_SIZE = 5
_NAVIGATION_SIZE = 12
_HEADERS = {"Cache-Control": "no-cache"}


class Story(Protocol):
    """What a list of stories shows of each: the shape of a card."""

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

    def answer(self, article_id: str, k: int) -> Answer | None:
        """The box under a published article, else None."""

    @property
    def listing(self) -> Shelf:
        """What there is."""

    def __len__(self) -> int:
        """The number of published articles."""


class Shelf(Protocol):
    """Lists of them."""

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> Sequence[Story]:
        """At most ``k`` articles, newest first, after the first ``offset`` ones."""

    def sections(self) -> Sequence[tuple[str, int]]:
        """Names of the sections with their number of articles, largest first."""

    def search(self, words: str, count: int, filters: Filters, after: Mark | None) -> Found:
        """A page of the articles that words find, best first."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders pages, each in the site's frame."""

    templates: Jinja2Templates

    @classmethod
    def of(cls, site_name: str, *, publishing: bool) -> Pages:
        """The pages of a site of that name, on which, with ``publishing``, anybody may publish."""
        environment = templates("site")
        environment.filters.update(beginning=beginning, day=_day, moment=_moment)
        environment.globals.update(
            access_labels={Access.MEMBERS: "For members", Access.PAID: "For subscribers"},
            site_name=site_name,
            publishing=publishing,
            story_path=story_path,
            picture_path=_picture_path,
            timeline_path=_timeline_path,
            front_path=_front_path,
            fallback_size=FALLBACK_SIZE,
        )
        return cls(Jinja2Templates(env=environment, context_processors=[_frame]))

    def render(self, request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
        """A page."""
        return self.templates.TemplateResponse(request, template, context, status, _HEADERS)

    def missing(self, request: Request) -> Response:
        """That there is no such page."""
        stories = library(request).listing.latest(4)
        return self.render(request, "missing.html", {"current": None, "stories": stories}, 404)


def library(request: Request) -> Library:
    """What there is to read.

    Raises:
        SnapshotError: when no usable snapshot is published.
    """
    recommender: Library = request.app.state.service.recommender()
    return recommender


def story_path(article_id: str) -> str:
    """Where the site shows a story, below its root."""
    return f"/stories/{quote(article_id, safe='')}"


def _frame(request: Request) -> dict[str, Any]:
    known = library(request)
    return {
        "root": request.scope.get("root_path", "").rstrip("/"),
        "navigation": known.listing.sections()[:_NAVIGATION_SIZE],
        "count": len(known),
    }


def _picture_path(article_id: str) -> str:
    return f"/pictures/{quote(article_id, safe='')}"


def _timeline_path(article_id: str) -> str:
    return f"/timelines/{quote(article_id, safe='')}"


def _front_path(section: str | None = None, page: int = 1) -> str:
    query = {name: value for name, value in (("section", section), ("page", page)) if value not in (None, 1)}
    return f"/?{urlencode(query)}" if query else "/"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"


def _moment(moment: datetime) -> str:
    """With the hour, unless it is midnight sharp: then the source knew the day only."""
    return f"{_day(moment)}, {moment:%H:%M} UTC" if (moment.hour, moment.minute) != (0, 0) else _day(moment)
