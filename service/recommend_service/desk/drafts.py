"""What would stand under a story that is still being written, and where its text should lead to others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from starlette.responses import Response

from recommend.articles.article import parse_article
from recommend.errors import ArticleError
from recommend.linking import links_of
from recommend.ranking.answer import Answer
from recommend.ranking.links import Link
from recommend.recommender import Recommender
from recommend_service.desk.stories import K
from recommend_service.desk.visit import RefusalError, Visit, signed_in

_FIELDS = ("title", "summary", "text", "section", "language", "published_at")
_AROUND = 40
_EMPTY = dict.fromkeys(_FIELDS, "")


@dataclass(frozen=True)
class Preview:
    """What is shown of a draft: its box, and the links that its text should have."""

    answer: Answer
    links: list[Link]


@signed_in()
async def show(visit: Visit) -> Response:
    """An empty draft."""
    return visit.page("draft.html", draft=_EMPTY, answer=None, links=[])


@signed_in()
async def preview(visit: Visit) -> Response:
    """The draft, its box and its links, those of ``take`` put into the text; what is beside the form alone where a
    script asks, with ``part``. Nothing is kept."""
    draft = {name: visit.given(name) for name in _FIELDS}
    part = bool(visit.given("part"))
    if not draft["title"]:
        if part:
            return visit.page("preview.html", answer=None, links=[], draft=draft)
        raise RefusalError("A draft needs a headline.")
    try:
        found = await visit.state.threads.draft(_previewed, visit.recommender, draft)
        taken = set(visit.form.get("take", ())) if "links" in visit.form else set()
        if taken:
            draft["text"] = with_links(draft["text"], found.links, taken)
            found = await visit.state.threads.draft(_previewed, visit.recommender, draft)
    except ArticleError as problem:
        raise RefusalError(str(problem)) from None
    page = "preview.html" if part else "draft.html"
    return visit.page(page, draft=draft, answer=found.answer, links=_placed(draft["text"], found.links))


def with_links(text: str, links: Sequence[Link], taken: Collection[str]) -> str:
    """The text with those of the links whose stories are taken and have an address."""
    for link in sorted(links, key=lambda one: -one.offset):
        if link.id in taken and link.url:
            end = link.offset + link.length
            text = f'{text[: link.offset]}<a href="{escape(link.url)}">{text[link.offset : end]}</a>{text[end:]}'
    return text


def _previewed(recommender: Recommender, draft: dict[str, str]) -> Preview:
    row: dict[str, Any] = {name: value for name, value in draft.items() if value}
    article = parse_article({"id": "draft", **row})
    answer = recommender.answer_to(article, K, explain=True, nameless=True)
    return Preview(answer, links_of(recommender, article, draft["text"], nameless=True).links)


def _placed(text: str, links: Sequence[Link]) -> list[tuple[str, Link, str]]:
    """Each link with some of the text before and after its words."""
    ends = ((link.offset, link, link.offset + link.length) for link in links)
    return [(text[max(0, start - _AROUND) : start], link, text[end : end + _AROUND]) for start, link, end in ends]
