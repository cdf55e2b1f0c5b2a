"""Links within texts: those that a draft should have, and those that should lead to a new story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from recommend.articles.addresses import canonical_url
from recommend.articles.article import Article
from recommend.articles.links import linked_name
from recommend.articles.links import links as read_links
from recommend.articles.passages import passages
from recommend.articles.rules import NO_RULES
from recommend.errors import UnknownArticleError
from recommend.index.dates import moment
from recommend.index.filters import Filters
from recommend.index.over import over
from recommend.index.view import View
from recommend.ranking.links import Draft, Link, propose
from recommend.recommender import Recommender

_CONSIDERED = 40
_READ = 200
FLOOR = 0.4
"""The least calibrated score of a story that a link leads to: below it, few would be taken."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A text with the links that it should have; ``article_id`` is None for a draft without one."""

    article_id: str | None
    text: str
    links: list[Link]


def links_of(
    recommender: Recommender,
    draft: Article,
    body: str,
    most: int = 10,
    *,
    nameless: bool = False,
    floor: float = FLOOR,
) -> Linked:
    """The links that a draft should have to published stories, see :func:`~recommend.ranking.links.propose`.

    Args:
        recommender: finds the stories.
        draft: an article that need not be stored; one that is gets no link to itself.
        body: its text as it is written, HTML or plain, in which offsets count; what it links, or the draft says that
            it ``links_to``, is not proposed again.
        most: how many.
        nameless: whether the draft's id is a stand-in, and so that of no article.
        floor: least calibrated score of a story that a link leads to.

    Raises:
        EncoderError: when the snapshot's encoder cannot be opened.
    """
    view = _unruled(recommender)
    there = [*islice(read_links(body), _READ)]
    names = {*(linked_name(link.address, draft.url) for link in there), *draft.links_to}
    linked = names | {found for name in names if (found := recommender.store.find_url(name)) is not None}
    query, name = recommender.query_of(view, draft), None if nameless else draft.id

    def linked_in(view: View) -> Linked:
        eligibility = recommender.ranking.eligibility(view, Filters(exclude=frozenset(linked)))
        chosen = recommender.ranking.selection(view).choose(query, name, _CONSIDERED, eligibility)
        return Linked(name, body, propose(view, Draft(query, passages(body), there), chosen, most, floor=floor))

    return over(view, linked_in)


def links_to(recommender: Recommender, article_id: str, most: int = 10, *, floor: float = FLOOR) -> list[Linked]:
    """The older articles that should lead to a published one and do not yet, each with the place; those most related
    first.

    Args:
        recommender: finds them.
        article_id: of the story.
        most: how many.
        floor: least calibrated score of the story under the older one.

    Raises:
        UnknownArticleError: when no published article has the id.
    """
    return over(_unruled(recommender), partial(_links_to, recommender, article_id=article_id, most=most, floor=floor))


def _unruled(recommender: Recommender) -> View:
    """The present state without rules: what boxes leave out or pin is no reason for a link."""
    return replace(recommender.view(), rules=NO_RULES)


def _links_to(recommender: Recommender, view: View, *, article_id: str, most: int, floor: float) -> list[Linked]:
    place = view.locate(article_id)
    if place is None:
        raise UnknownArticleError(article_id)
    segment, row = view.segments[place[0]], place[1]
    names = {article_id, canonical_url(segment.table.card(row).url or "")}
    selection, anything = recommender.ranking.selection(view), recommender.ranking.eligibility(view)
    older = recommender.ranking.eligibility(view, Filters(until=moment(int(segment.table.published_at[row]))))
    chosen = selection.choose(segment.query(row), article_id, _CONSIDERED, older)
    linked: list[Linked] = []
    for number, at in list(zip(chosen.candidates.segments, chosen.candidates.rows, strict=True))[: chosen.related]:
        one = view.segments[number].table.id(int(at))
        query, stored = view.segments[number].query(int(at)), recommender.article(one)
        if stored is None or len(linked) == most or not names.isdisjoint(stored.links_to):
            continue
        under = selection.choose(query, one, _CONSIDERED, anything)
        if links := propose(view, Draft(query, passages(stored.text)), under, 1, only=article_id, floor=floor):
            linked.append(Linked(one, stored.text, links))
    return linked
