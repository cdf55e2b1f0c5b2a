"""The card of an article: all that readers get to see of it, wherever it is listed or shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from recommend.articles.article import Access, Article


@dataclass(frozen=True, slots=True)
class Card:
    """What everybody may see of a published article. Boxes, pages and ``GET /v1/articles/{id}`` have these fields.

    Attributes:
        summary: the publisher's; without one the lead sentence, if ``access`` is public.
        access: who may read the body, which is on no card.
        evergreen: whether it is of use for years, as the publisher says.
    """

    id: str
    title: str
    summary: str | None
    url: str | None
    image_url: str | None
    published_at: datetime | None
    updated_at: datetime | None
    section: str | None
    tags: list[str]
    authors: list[str]
    language: str | None
    site: str | None
    genre: str | None
    access: Access
    evergreen: bool


CARD_FIELDS = tuple(field.name for field in fields(Card))


def card_of(article: Article) -> Card:
    """The card of an article."""
    return Card(**{name: getattr(article, name) for name in CARD_FIELDS} | {"summary": article.standfirst})
