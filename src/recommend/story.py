"""The running story that an article belongs to: what happened before and since, in order of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from math import fsum
from typing import Literal

from recommend.articles.card import CARD_FIELDS, Card
from recommend.articles.rules import NO_RULES
from recommend.index.filters import Filters
from recommend.index.view import View
from recommend.ranking.phrases import enumeration, phrase
from recommend.ranking.reasons import Reason
from recommend.recommender import Recommender
from recommend.rule_trial import ruled_by

_WIDTH = 20
_MOST = 50
_LEAST = 3
_NAMES = 3
_JOINS, _LINKS = 0.14, 6
"""The least mean probability with which an article joins a story, and of how many of its links at most."""
_APART = timedelta(days=90)
_NAMED_FROM = 0.05
"""The least score of a link that counts and may tell the names of the story."""
_NAMING = frozenset({"story", "topic", "place"})
_UNDATED = datetime.max.replace(tzinfo=UTC)

Role = Literal["beginning", "turn", "latest"]


@dataclass(frozen=True, slots=True)
class Part(Card):
    """One article of a story.

    Attributes:
        role: ``beginning`` the first, ``latest`` the last, ``turn`` the first to bring in a name that several of the
            story carry; None for the others.
        label: the role in words, in the language of the article that the story was asked for by.
    """

    role: Role | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A running story.

    Attributes:
        name: its strongest shared names; None where there is no story.
        terms: these names, strongest first.
        articles: oldest first; none where fewer than three belong together.
        heading: what stands over a story, in the language of the article; None where there is none.
        total: how many there are, where only some of them are told.
    """

    article_id: str
    name: str | None
    terms: tuple[str, ...]
    articles: list[Part]
    heading: str | None = None
    total: int = 0

    def brief(self, most: int) -> Story:
        """The story in at most so many articles: the one that it was asked for by, its latest, its beginning, then its
        turns and then the others, the newest first."""
        places = range(len(self.articles))
        role = {"latest": 1, "beginning": 2, "turn": 3, None: 4}
        ranks = {n: 0 if part.id == self.article_id else role[part.role] for n, part in enumerate(self.articles)}
        kept = sorted(places, key=lambda place: (ranks[place], -place))[:most]
        return replace(self, articles=[self.articles[place] for place in sorted(kept)])


def story_of(
    recommender: Recommender, article_id: str, filters: Filters = Filters(), *, least: int = _LEAST
) -> Story | None:
    """The story of a published article; None when no published article has the id.

    It grows from the article: next comes whichever has the greatest mean score in the boxes of those that are of it,
    of the six in which it scores best, as long as that mean says so and less than three months lie between. Of
    near-duplicates one is told. A story that shares no name is none: precise before complete.

    Args:
        recommender: tells what is related.
        article_id: of the article.
        filters: which others may be of it.
        least: how many articles make a story.
    """
    pinned = ruled_by(recommender, NO_RULES)  # what boxes leave out is of the story all the same
    fixed = pinned.with_settings(policy=pinned.settings.policy.model_copy(update={"floor": _NAMED_FROM}))
    own = fixed.over(lambda view: _card(view, article_id))
    if own is None:
        return None
    cards, names = {article_id: own}, defaultdict[str, Counter[str]](Counter)
    reasons: dict[str, dict[str, Reason]] = {}

    def links(one: str) -> dict[str, float]:
        answer = fixed.answer(one, _WIDTH, filters)
        items = [] if answer is None else answer.items[: answer.related]
        near = [item for item in items if item.id != article_id and _near(cards[one], item)]
        cards.update({item.id: item for item in near if item.id not in cards})
        reasons[one] = {item.id: item.reason for item in near}
        return {item.id: item.score for item in near}

    def group(one: str) -> int:
        return fixed.over(lambda view: _group(view, one))

    members = grown(article_id, links, group)
    for one in members:
        for other, reason in reasons.get(one, {}).items():
            if other in members and reason.kind in _NAMING:
                names[one].update(reason.terms)
                names[other].update(reason.terms)
    return _told(article_id, {one: cards[one] for one in members}, names, least)


def grown(first: str, links: Callable[[str], Mapping[str, float]], group: Callable[[str], int]) -> list[str]:
    """The articles of a story, in the order in which they came in; ties by id.

    Args:
        first: that it grows from.
        links: the articles that one leads to, with the probability that they belong with it.
        group: of near-duplicates that an article is of.
    """
    members, groups, found = [first], {group(first)}, defaultdict[str, list[float]](list)
    while len(members) < _MOST:
        for one, score in links(members[-1]).items():
            found[one].append(score)
        count = min(_LINKS, len(members))
        means = {one: fsum(nlargest(count, scores)) / count for one, scores in found.items()}
        ahead = sorted((one for one, mean in means.items() if mean >= _JOINS), key=lambda one: (-means[one], one))
        joins = next((one for one in ahead if one not in members and group(one) not in groups), None)
        if joins is None:
            break
        members.append(joins)
        groups.add(group(joins))
    return members


def _near(one: Card, other: Card) -> bool:
    dates = one.published_at, other.published_at
    return dates[0] is not None and dates[1] is not None and abs(dates[0] - dates[1]) < _APART


def _card(view: View, article_id: str) -> Card | None:
    place = view.locate(article_id)
    return None if place is None else view.segments[place[0]].table.card(place[1])


def _group(view: View, article_id: str) -> int:
    place = view.locate(article_id)
    assert place is not None  # in a view that stays as it is
    return view.group(place)


def _told(article_id: str, cards: dict[str, Card], names: Mapping[str, Counter[str]], least: int) -> Story:
    carried = Counter(term for counter in names.values() for term in counter)
    if len(cards) < least or not carried:
        return Story(article_id, None, (), [])
    language = cards[article_id].language
    terms = tuple(sorted(carried, key=lambda term: (-carried[term], term))[:_NAMES])
    ordered = sorted(cards.values(), key=lambda card: (card.published_at or _UNDATED, card.id))
    seen: set[str] = set()
    parts = []
    for place, card in enumerate(ordered):
        brought = {term for term in names[card.id] if carried[term] > 2}
        role: Role | None = "turn" if place and brought - seen else None
        role = "beginning" if place == 0 else "latest" if place == len(ordered) - 1 else role
        seen |= brought
        label = None if role is None else phrase(role, language)
        parts.append(Part(**{name: getattr(card, name) for name in CARD_FIELDS}, role=role, label=label))
    name = enumeration(terms, language) or None
    return Story(article_id, name, terms, parts, phrase("heading-story", language), len(parts))
