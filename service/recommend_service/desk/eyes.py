"""Boxes that an editor should check (``/desk/eyes``), by what looks wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from recommend.articles.article import Article
from recommend.articles.boilerplate import Boilerplate
from recommend.articles.card import Card
from recommend.ranking.review import Finding, review
from recommend.ranking.search import Mark
from recommend.recommender import Recommender
from recommend_service.desk.stories import K
from recommend_service.desk.visit import Visit, signed_in
from recommend_service.http.cursor import read_cursor, write_cursor

BOXES = 100
"""How many boxes are looked through for a page."""

NAMES = {
    "empty": "No box at all",
    "short": "Short",
    "filled": "Only filled, nothing related",
    "alike": "May tell the same twice",
    "one day": "All from one day",
    "nameless": "Reasons without a name",
    "boilerplate": "Text that is mostly boilerplate",
    "nowhere": "Stories that nobody recommends",
}
"""Flaws in the order to mend them, and what they are called."""

_MOSTLY = 0.5


@dataclass(frozen=True)
class Looked:
    """What was looked through, and what was found by flaw."""

    cards: dict[str, Card]
    found: dict[str, list[Finding]]
    last: Mark | None


@signed_in()
async def show(visit: Visit) -> Response:
    """The findings in the newest hundred boxes, or in those after a cursor."""
    looked = await visit.compute(_look, visit.recommender, read_cursor(visit.given("cursor")))
    return visit.page("eyes.html", looked=looked, names=NAMES, more=write_cursor(looked.last))


def _look(recommender: Recommender, after: Mark | None) -> Looked:
    page = recommender.listing.search("", BOXES, after=after)
    cards = {card.id: card for card in page.cards}
    findings: dict[str, list[Finding]] = {name: [] for name in NAMES}
    for finding in review(zip(cards, recommender.answers([*cards], K), strict=True), K):
        findings[finding.flaw].append(finding)
    shared = recommender.store.boilerplate.read()
    for article_id in cards:
        article = recommender.store.get(article_id)
        if article is not None and _is_mostly_boilerplate(article, shared):
            detail = "most of its text stands in many others, too, and counts for nothing"
            findings["boilerplate"].append(Finding(article_id, "boilerplate", detail))
    return Looked(cards, {name: some for name, some in findings.items() if some}, page.last)


def _is_mostly_boilerplate(article: Article, shared: Boilerplate) -> bool:
    return len(shared.without(article).text) < _MOSTLY * len(article.text)
