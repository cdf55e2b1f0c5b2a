"""The running story that an article belongs to: what happened before and since, in order of time."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from recommend.articles.card import CARD_FIELDS, Card
from recommend.index.view import View
from recommend.recommender import Recommender

_SAME = frozenset({"story", "update"})
_WIDTH = 20
_HOPS = 2
_MOST = 60
_LEAST = 3
_NAMES = 3
_UNDATED = datetime.max.replace(tzinfo=UTC)

Role = Literal["beginning", "turn", "latest"]


@dataclass(frozen=True, slots=True)
class Part(Card):
    """One article of a story.

    Attributes:
        role: ``beginning`` the first, ``latest`` the last, ``turn`` the first to bring in a name that several of the
            story carry; None for the others.
    """

    role: Role | None


@dataclass(frozen=True, slots=True)
class Story:
    """A running story.

    Attributes:
        name: its strongest shared names; None where there is no story.
        terms: these names, strongest first.
        articles: oldest first; none where fewer than three belong together.
    """

    article_id: str
    name: str | None
    terms: tuple[str, ...]
    articles: list[Part]


def story_of(recommender: Recommender, article_id: str, *, least: int = _LEAST, hops: int = _HOPS) -> Story | None:
    """The story of a published article; None when no published article has the id.

    An article is of the story when a box says "same story" of it, under this article or under one that is of it, and
    names at least one of the names that the story goes by: precise before complete.

    Args:
        recommender: tells what is the same story.
        article_id: of the article.
        least: how many articles make a story.
        hops: how many steps from the article others may be.
    """
    fixed = recommender.pinned()
    first = fixed.answer(article_id, _WIDTH)
    if first is None:
        return None
    names: dict[str, Counter[str]] = {article_id: Counter()}
    cards: dict[str, Card] = {}
    waiting = deque([(article_id, 0)])
    while waiting and len(names) < _MOST:
        one, hop = waiting.popleft()
        answer = first if one == article_id else fixed.answer(one, _WIDTH)
        known = {term for counter in names.values() for term in counter}
        for item in answer.items if answer is not None else ():
            if item.reason.kind not in _SAME or len(names) == _MOST:
                continue
            if one != article_id and known.isdisjoint(item.reason.terms):
                continue
            names[one].update(item.reason.terms)
            if item.id not in names:
                cards[item.id] = item
                names[item.id] = Counter()
                if hop + 1 < hops:
                    waiting.append((item.id, hop + 1))
            names[item.id].update(item.reason.terms)

    def own(view: View) -> Card:
        place = view.locate(article_id)
        assert place is not None
        return view.segments[place[0]].table.card(place[1])

    return _told(article_id, {article_id: fixed.over(own), **cards}, names, least)


def _told(article_id: str, cards: dict[str, Card], names: dict[str, Counter[str]], least: int) -> Story:
    if len(cards) < least:
        return Story(article_id, None, (), [])
    carried = Counter(term for counter in names.values() for term in counter)
    terms = tuple(sorted(carried, key=lambda term: (-carried[term], term))[:_NAMES])
    ordered = sorted(cards.values(), key=lambda card: (card.published_at or _UNDATED, card.id))
    seen: set[str] = set()
    parts = []
    for place, card in enumerate(ordered):
        brought = {term for term in names[card.id] if carried[term] > 2}
        role: Role | None = "turn" if place and brought - seen else None
        role = "beginning" if place == 0 else "latest" if place == len(ordered) - 1 else role
        seen |= brought
        parts.append(Part(**{name: getattr(card, name) for name in CARD_FIELDS}, role=role))
    return Story(article_id, ", ".join(terms) or None, terms, parts)
