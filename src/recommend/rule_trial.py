"""Rules tried before they are published: what boxes show, and what they would show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommend.articles.card import Card
from recommend.articles.rules import RuleBook
from recommend.errors import UnknownArticleError
from recommend.ranking.answer import Answer
from recommend.ranking.freshness import today
from recommend.ranking.masks import Masks
from recommend.ranking.matching import matching
from recommend.ranking.rule_check import Checked, check_rules
from recommend.ranking.trial import Trial, compare, spread
from recommend.recommender import Recommender
from recommend.stand_ins import latest_answer

BoolArray = NDArray[np.bool_]


def ruled_by(recommender: Recommender, book: RuleBook) -> Recommender:
    """A recommender that answers as the present one does, and whatever changes after, but by other rules."""
    return recommender.pinned(replace(recommender.view(), rules=book))


def try_rules(
    recommender: Recommender, book: RuleBook, ids: Sequence[str] = (), *, boxes: int = 10, k: int = 5
) -> list[tuple[Card, Trial]]:
    """Boxes as they are, and as they would be by other rules; where nothing is left, with what would stand in.

    Args:
        recommender: makes them.
        book: the rules.
        ids: of published articles; none: some from all over the archive of which any of the rules holds.
        boxes: how many of these; more where there are more rules, each of which is shown.
        k: items of a box.

    Raises:
        UnknownArticleError: when no published article has one of the ids.
        SnapshotError: when none are named, and the index is on a server.
    """
    before = recommender.pinned()
    after = ruled_by(before, book)
    changes = []
    for article_id in ids or concerned(before, book, boxes):
        then, now, article = _box(before, article_id, k), _box(after, article_id, k), recommender.article(article_id)
        if article is None:
            raise UnknownArticleError(article_id)
        changes.append((recommender.card(article), compare(then, now)))
    return changes


def _box(recommender: Recommender, article_id: str, k: int) -> Answer:
    answer = recommender.answer(article_id, k)
    if answer is None:
        raise UnknownArticleError(article_id)
    return answer if answer.items else latest_answer(recommender, article_id, k)


def concerned(recommender: Recommender, book: RuleBook, count: int) -> list[str]:
    """Ids of some articles of which any of the rules holds: one for each rule, if need be more than ``count``, and
    others evenly spread from the newest to the oldest; of all, where no rule holds of any."""
    view, moment = recommender.view(), today(time.time())
    active = [rule for rule in book.rules if rule.on]
    if not active or not view.segments[0].is_whole:
        return recommender.listing.spread(count)
    table, passing = view.segments[0].table, recommender.ranking.eligibility(view).passing

    def some(mask: BoolArray, most: int) -> list[str]:
        return spread(view, Masks((mask, *passing.rows[1:])), most)

    open_ = passing[0]
    masks = [matching(rule.when, table, None, moment, stories=True) for rule in active]
    masks = masks if open_ is None else [mask & open_ for mask in masks]
    found = list[str]()
    for rule, mask in zip(active, masks, strict=True):
        named = rule.then.named
        like = mask if named is None or named.compares else mask & matching(named, table, None, moment)
        found += some(like if like.any() else mask, 1)  # a story is likely to have its like among its candidates
    first = dict.fromkeys(found)
    others = some(np.logical_or.reduce(masks), count)
    return [*first, *(one for one in others if one not in first)][: max(count, len(first))] or (
        recommender.listing.spread(count)
    )


def check(recommender: Recommender, book: RuleBook) -> list[Checked]:
    """The effect of each rule; see :func:`~recommend.ranking.rule_check.check_rules`."""
    view = recommender.view()
    return check_rules(book, view, time.time()) if view.segments[0].is_whole else []
