"""Query parameters of the routes that answer with a box as markup."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recommend_service.http.box import Layout, Look
from recommend_service.http.parameters import BoxParameters

_Address = Annotated[str, Field(pattern=r"^(https?://|/)[^\s<>\"'`\\]*$", max_length=2_048)]


class MarkupParameters(BoxParameters):
    """Those that a box is asked for by, and those of its looks, which are named as the element's attributes are."""

    layout: Layout = Field(
        "list",
        description="list, cards, compact (titles and dates), strip (a row to swipe), timeline (the running story in "
        "order of time; a list where there is none)",
    )
    lead: bool = Field(False, description="show the first related article larger")
    images: bool = Field(True, description="show the pictures of articles that have one")
    reason: Literal["short", "full", "none"] = Field("short", description="short: without the distance in time")
    link: _Address | None = Field(
        None, description="address at which articles open, with {id} for the encoded id; default: their own url"
    )
    heading: str | None = Field(
        None, max_length=200, description="heading over the related articles; default: in the language of lang"
    )
    lang: str | None = Field(
        None, max_length=64, description="language of headings and dates; default: that of the article"
    )
    root: _Address | None = Field(None, description="address of this service, for pages at another address")
    page: bool = Field(False, description="answer with a whole document, for a frame")

    def look(self) -> Look:
        """How the box looks."""
        root = self.root or ""
        return Look(self.layout, self.lead, self.images, self.reason, self.link, self.heading, root, self.page)


class UrlMarkupParameters(MarkupParameters):
    """Those of the route that finds the article by its URL."""

    url: str
