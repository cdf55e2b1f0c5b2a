"""Rules tried before they are published: what boxes show, and what they would show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recommend.articles.card import Card
from recommend.articles.rules import RuleBook
from recommend.errors import UnknownArticleError
from recommend.ranking.freshness import today
from recommend.ranking.masks import Masks
from recommend.ranking.matching import matching
from recommend.ranking.rule_check import Checked, check_rules
from recommend.ranking.trial import Trial, compare, spread
from recommend.recommender import Recommender


def ruled_by(recommender: Recommender, book: RuleBook) -> Recommender:
    """A recommender that answers as the present one does, and whatever changes after, but by other rules."""
    return recommender.pinned(replace(recommender.view(), rules=book))


def try_rules(
    recommender: Recommender, book: RuleBook, ids: Sequence[str] = (), *, boxes: int = 10, k: int = 5
) -> list[tuple[Card, Trial]]:
    """Boxes as they are, and as they would be by other rules.

    Args:
        recommender: makes them.
        book: the rules.
        ids: of published articles; none: some from all over the archive of which any of the rules holds.
        boxes: how many of these.
        k: items of a box.

    Raises:
        UnknownArticleError: when no published article has one of the ids.
        SnapshotError: when none are named, and the index is on a server.
    """
    before, after = recommender.pinned(), ruled_by(recommender, book)
    found = []
    for article_id in ids or concerned(before, book, boxes):
        then, now, article = before.answer(article_id, k), after.answer(article_id, k), recommender.article(article_id)
        if then is None or now is None or article is None:
            raise UnknownArticleError(article_id)
        found.append((recommender.card(article), compare(then, now)))
    return found


def concerned(recommender: Recommender, book: RuleBook, count: int) -> list[str]:
    """Ids of some articles of which any of the rules holds, evenly spread from the newest to the oldest; of all, where
    none does."""
    view, moment = recommender.view(), today(time.time())
    whens = [rule.when for rule in book.rules if rule.on]
    if not whens or not view.segments[0].is_whole:
        return recommender.listing.spread(count)
    alive = view.alive[0]
    mask = np.logical_or.reduce([matching(when, view.segments[0].table, None, moment) for when in whens])
    mask = mask if alive is None else mask & alive
    return spread(view, Masks((mask, *view.alive[1:])), count) if mask.any() else recommender.listing.spread(count)


def check(recommender: Recommender, book: RuleBook) -> list[Checked]:
    """What each rule would come to; see :func:`~recommend.ranking.rule_check.check_rules`."""
    view = recommender.view()
    return check_rules(book, view, time.time()) if view.segments[0].is_whole else []
