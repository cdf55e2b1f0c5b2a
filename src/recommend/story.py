"""The running story that an article belongs to: what happened before and since, in order of time."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from math import fsum
from typing import Literal

from recommend.articles.card import CARD_FIELDS, Card
from recommend.articles.rules import NO_RULES
from recommend.articles.text import folded
from recommend.index.filters import Filters
from recommend.index.view import View
from recommend.ranking import near_duplicates
from recommend.ranking.common_names import names_nothing, nationalities
from recommend.ranking.phrases import enumeration, phrase
from recommend.ranking.places import extent
from recommend.ranking.reasons import Reason
from recommend.recommender import Recommender
from recommend.rule_trial import ruled_by
from recommend.settings import PolicySettings

_WIDTH = 20
_MOST = 50
_LEAST = 3
_NAMES = 3
_JOINS, _SHARE = 0.19, 0.3
"""The least mean score with which an article joins a story, and the least share of the best score in it."""
_LINKS = 6
_APART = timedelta(days=90)
_FLOOR = 0.05
_NAMING = frozenset({"story", "topic", "place"})
_GOES_ON = re.compile(r"(?: (?:de|del|des|der|di|du|da|do|la|van|von))* [^\W\d_a-z][\w’-]*")
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


@dataclass(frozen=True, slots=True)
class Link:
    """What leads from an article to another.

    Attributes:
        score: probability that they belong together.
        named: whether they share a name, or one counts anew what the other counted.
    """

    score: float
    named: bool


def story_of(
    recommender: Recommender, article_id: str, filters: Filters = Filters(), *, least: int = _LEAST
) -> Story | None:
    """The story of a published article; None when no published article has the id.

    It grows from the article by what boxes say of those that are of it (:func:`grown`), of near-duplicates one, and
    less than three months lie between an article and one that leads to it.

    Args:
        recommender: tells what is related.
        article_id: of the article.
        filters: which others may be of it.
        least: how many articles make a story.
    """
    pinned = ruled_by(recommender, NO_RULES)  # what boxes leave out is of the story all the same
    rules = pinned.settings.policy
    fixed = pinned.with_settings(policy=rules.model_copy(update={"floor": _FLOOR}))
    own = fixed.over(lambda view: _card(view, article_id))
    if own is None:
        return None
    cards, reasons = {article_id: own}, dict[str, dict[str, Reason]]()

    def links(one: str) -> dict[str, Link]:
        answer = fixed.answer(one, _WIDTH, filters)
        items = [] if answer is None else answer.items[: answer.related]
        near = [item for item in items if item.reason.kind != "pinned" and _near(cards[one], item)]
        cards.update({item.id: item for item in near if item.id not in cards})
        reasons[one] = {item.id: item.reason for item in near}
        return {item.id: Link(item.score, _named(item.reason)) for item in near}

    members = grown(article_id, links)
    told = fixed.over(lambda view: _without_copies(view, members, rules))
    names = defaultdict[str, Counter[str]](Counter)
    for one in told:
        for other, reason in reasons.get(one, {}).items():
            if other in told and reason.kind in _NAMING:
                names[one].update(reason.terms)
                names[other].update(reason.terms)
    return _told(article_id, {one: cards[one] for one in told}, names, least)


def grown(first: str, links: Callable[[str], Mapping[str, Link]]) -> list[str]:
    """The articles of a story, in the order in which they came in.

    Next comes whichever has the greatest mean score under those that are of it, of the six under which it scores best,
    as long as that is neither low nor far below the best there is in the story, and one of them shares a name with it;
    ties by id.

    Args:
        first: that it grows from.
        links: those that an article leads to.
    """
    members, scores, named, best = [first], defaultdict[str, list[float]](list), set[str](), 0.0
    while len(members) < _MOST:
        for one, link in links(members[-1]).items():
            scores[one].append(link.score)
            if link.named:
                named.add(one)
            best = max(best, link.score)
        count = min(_LINKS, len(members))
        means = {one: fsum(nlargest(count, scores[one])) / count for one in named.difference(members)}
        joins = min(means, key=lambda one: (-means[one], one), default=None)
        if joins is None or means[joins] < max(_JOINS, _SHARE * best):
            break
        members.append(joins)
    return members


def _named(reason: Reason) -> bool:
    return reason.kind == "update" or (reason.kind in _NAMING and bool(reason.terms))


def _near(one: Card, other: Card) -> bool:
    dates = one.published_at, other.published_at
    return dates[0] is not None and dates[1] is not None and abs(dates[0] - dates[1]) < _APART


def _card(view: View, article_id: str) -> Card | None:
    place = view.locate(article_id)
    return None if place is None else view.segments[place[0]].table.card(place[1])


def _without_copies(view: View, ids: Sequence[str], rules: PolicySettings) -> list[str]:
    """Those of some published articles that say what none before them says in the same words."""
    view.segments[0].bring(ids)
    places = [place for place in map(view.locate, ids) if place is not None]
    copies = near_duplicates.copies(view, places, rules).tolist()
    return [one for place, one in enumerate(ids) if not any(copies[place][:place])]


def _told(article_id: str, cards: dict[str, Card], names: Mapping[str, Counter[str]], least: int) -> Story:
    carried = Counter(term for counter in names.values() for term in counter)
    if len(cards) < least or not carried:
        return Story(article_id, None, (), [])
    language = cards[article_id].language
    texts = [f"{card.title}\n{card.summary or ''}" for card in cards.values()]
    terms = strongest(carried, sum(names.values(), Counter()), language, texts)
    ordered = sorted(cards.values(), key=lambda card: (card.published_at or _UNDATED, card.id))
    seen: set[str] = set()
    parts = []
    for place, card in enumerate(ordered):
        common = {term for term in names[card.id] if carried[term] > 2}
        role: Role | None = "turn" if place and common - seen else None
        role = "beginning" if place == 0 else "latest" if place == len(ordered) - 1 else role
        seen |= common
        label = None if role is None else phrase(role, language)
        parts.append(Part(**{name: getattr(card, name) for name in CARD_FIELDS}, role=role, label=label))
    name = enumeration(terms, language) or None
    return Story(article_id, name, terms, parts, phrase("heading-story", language), len(parts))


def strongest(
    carried: Counter[str], told: Counter[str], language: str | None, texts: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names that a story goes by: those that most of its articles carry, a country half as much; no nationality as
    long as there is another name, and none that is a piece of another: of a given name and a whole one, the whole.

    Args:
        carried: how many articles carry each.
        told: how many links tell each.
        language: of the story.
        texts: titles and summaries of its articles.
    """

    def weight(term: str) -> float:
        wide = extent(term, language) == "country" or _is_nationality(term, language)
        return carried[term] / 2 if wide else carried[term]

    words = {term: folded(term).split() for term in carried}
    whole = {term: term if extent(term, language) else _whole(term, words, texts) for term in carried}
    naming = [term for term in carried if not _is_nationality(term, language)] or list(carried)
    chosen: list[str] = []
    for term in sorted(naming, key=lambda term: (-weight(term), -told[term], term)):
        own = {*folded(whole[term]).split()}
        if not any(own <= (other := {*folded(one).split()}) or other <= own for one in chosen):
            chosen.append(whole[term])
    return tuple(chosen[:_NAMES])


def _whole(term: str, words: Mapping[str, Sequence[str]], texts: Sequence[str]) -> str:
    """The longest name that begins with a name of one word; else what texts write each time that they hold it, such as
    "Laurence des Cars"; else that name."""
    own = words[term]
    if len(own) > 1:
        return term
    alone = {other[0] for other in words.values() if len(other) == 1}
    longer = [one for one, other in words.items() if other[0] == own[0] and alone.isdisjoint(other[1:])]
    if len(best := max(longer, key=lambda one: (len(words[one]), one))) > len(term):
        return best
    ends = [(text, found.end()) for text in texts for found in re.finditer(rf"\b{re.escape(term)}\b", text)]
    rests = Counter(rest[0] for text, end in ends if (rest := _GOES_ON.match(text, end)))
    if not rests or rests.total() < len(ends):
        return term
    return f"{term}{min(rests, key=lambda rest: (-rests[rest], rest))}"


def _is_nationality(term: str, language: str | None) -> bool:
    ending = f" {folded(term)}"
    return names_nothing(term, language) or any(one.endswith(ending) for one in nationalities())
