"""The box as markup: what the element shows, without script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any, Literal, get_args
from urllib.parse import quote, urlsplit

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from jinja2 import Template

from recommend.articles.card import Card
from recommend.articles.languages import primary_language
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.phrases import LANGUAGES, phrase
from recommend.story import Part, Story
from recommend_service.http.templates import templates

_LONG = 140
_LAST_WORD = re.compile(r"[\s,;:–—-]+\S*$")
Layout = Literal["list", "cards", "compact", "strip", "timeline"]
LAYOUTS: tuple[str, ...] = get_args(Layout)


@dataclass(frozen=True, slots=True)
class Look:
    """How a box looks; the attributes of the element have the same names.

    Attributes:
        link: where an article opens, ``{id}`` standing for its encoded id; None: at its own address.
        root: of the service, in front of what the box loads.
        page: whether it is a document of its own, for a frame, instead of a part of one.
    """

    layout: Layout = "list"
    lead: bool = False
    images: bool = True
    reason: Literal["short", "full", "none"] = "short"
    link: str | None = None
    heading: str | None = None
    root: str = ""
    page: bool = False


@dataclass(frozen=True, slots=True)
class _Item:
    title: str
    href: str | None
    image: str | None
    summary: str | None
    section: str | None
    day: str | None
    moment: str | None
    reason: str | None = None
    role: str | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    part: str
    heading: str
    items: Sequence[_Item]
    filler: bool


def render_box(answer: Answer, language: str | None, look: Look) -> str:
    """An answer as HTML: the box with its style sheet, and a list for search engines (schema.org's ``ItemList``).

    Args:
        answer: what it shows.
        language: of headings and dates; None, and one without words, stands for English.
        look: how; a timeline, which only a story has, is a list.
    """
    look = replace(look, layout="list") if look.layout == "timeline" else look
    spoken, locale = _spoken(language)
    shown = [_item(one, locale, look) for one in answer.items]
    if answer.fallback == "latest":
        groups = [_Group("", phrase("heading-latest", spoken), shown, True)]
    else:
        related, others = shown[: answer.related], shown[answer.related :]
        groups = [
            _Group("", look.heading or phrase("heading-related", spoken), related, False),
            _Group("more-" if related else "", phrase("heading-more", spoken), others, True),
        ]
    groups = [group for group in groups if group.items]
    return _rendered(groups, answer.article_id, (spoken, locale), look)


def render_story(story: Story, language: str | None, look: Look, under: str | None) -> str:
    """A running story as HTML, in order of time.

    Args:
        story: what it shows.
        language: as of :func:`render_box`.
        look: how.
        under: id of the article under which it stands, and which therefore is no link; None where it stands alone.
    """
    spoken, locale = _spoken(language)
    shown = [_part(one, under, (spoken, locale), look) for one in story.articles]
    heading = look.heading or phrase("heading-story", spoken)
    return _rendered([_Group("", heading, shown, False)], story.article_id, (spoken, locale), replace(look, lead=False))


def _spoken(language: str | None) -> tuple[str, Locale]:
    """The language of words, and what writes dates."""
    spoken = primary_language(language or "en")
    return (spoken, _locale(language or "en")) if spoken in LANGUAGES else ("en", _locale("en"))


def _rendered(groups: Sequence[_Group], article_id: str | None, words: tuple[str, Locale], look: Look) -> str:
    spoken, locale = words
    listed = _listed(groups[0].heading, [one for group in groups for one in group.items]) if groups else None
    direction = "rtl" if locale.text_direction == "rtl" else "ltr"
    anchor = f"related-{sha256((article_id or '').encode(errors='replace')).hexdigest()[:8]}"
    return _template().render(
        groups=groups, listed=listed, layout=look.layout, lead=look.lead and look.layout != "compact", page=look.page,
        root=look.root.rstrip("/"), language=spoken, direction=direction, anchor=anchor,
    )  # fmt: skip


def _item(one: Recommendation, locale: Locale, look: Look) -> _Item:
    compact = look.layout == "compact"
    why = {"full": one.reason.text, "short": one.reason.text.split(" · ")[0], "none": None}[look.reason]
    return _Item(
        title=one.title,
        href=_href(one, look),
        image=_web(one.image_url) if look.images and not compact else None,
        summary=None if compact or one.summary == one.title else beginning(one.summary),
        section=one.section,
        day=_day(one.published_at, locale, "long" if look.layout == "list" else "medium"),
        moment=_moment(one.published_at),
        reason=None if compact else why,
    )


def _part(one: Part, own: str | None, words: tuple[str, Locale], look: Look) -> _Item:
    spoken, locale = words
    return _Item(
        title=one.title,
        href=None if one.id == own else _href(one, look),
        image=None,
        summary=None if one.role is None or one.summary == one.title else beginning(one.summary),
        section=None,
        day=_day(one.published_at, locale, "long"),
        moment=_moment(one.published_at),
        role=one.role and phrase(one.role, spoken),
        current=one.id == own,
    )


def _href(one: Card, look: Look) -> str | None:
    own = None if look.link is None else look.link.replace("{id}", quote(one.id, safe=""))
    return _web(own or one.url)


def _listed(name: str, shown: Sequence[_Item]) -> dict[str, Any] | None:
    """For search engines: only what has an address of the web of its own."""
    linked = [one for one in shown if one.href and not one.href.startswith("/")]
    entries = [
        {"@type": "ListItem", "position": n, "name": one.title, "url": one.href} for n, one in enumerate(linked, 1)
    ]
    shape = {"@context": "https://schema.org", "@type": "ItemList", "name": name, "itemListElement": entries}
    return shape if entries else None


def beginning(text: str | None) -> str | None:
    """A long text up to the end of a word, as in the element."""
    if text is None or len(text) <= _LONG:
        return text
    return _LAST_WORD.sub("", text[:_LONG]) + "…"


def _web(address: str | None) -> str | None:
    """The address if it is one of the web, or a path of this one."""
    if address is None:
        return None
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return None
    return address if scheme in {"http", "https"} or address.startswith("/") else None


def _day(moment: datetime | None, locale: Locale, width: Literal["long", "medium"]) -> str | None:
    return None if moment is None else format_date(moment.astimezone(UTC), width, locale)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


@cache
def _template() -> Template:
    return templates("element").get_template("box.html")


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(primary_language(language))
