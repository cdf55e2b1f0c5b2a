"""Fallbacks for a box in which nothing is related: the newest articles, or the popular ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from recommend.index.filters import Filters
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.box import latest_box
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.popular import popular_box
from recommend.ranking.rules import Ruling
from recommend.recommender import Recommender


def latest_answer(recommender: Recommender, article_id: str | None, k: int, filters: Filters = Filters()) -> Answer:
    """The newest articles, labelled as such. Pins and blocks of the article hold here too."""

    def answered(view: View) -> Answer:
        eligibility, pins, ruling = _beside(recommender, view, article_id, filters)
        return latest_box(eligibility, article_id, k, pins, ruling)

    return recommender.over(answered)


def popular_answer(
    recommender: Recommender, article_id: str | None, k: int, popular: Sequence[str], filters: Filters = Filters()
) -> Answer:
    """The popular articles, labelled as such, and the newest after them. Pins and blocks of the article hold here too.

    Args:
        recommender: tells what may be shown.
        article_id: of the article, None where it has none.
        k: how many.
        popular: ids, the most popular first, see :func:`~recommend.ranking.popular.most_clicked`.
        filters: which articles may be in it.
    """

    def answered(view: View) -> Answer:
        eligibility, pins, ruling = _beside(recommender, view, article_id, filters)
        return popular_box(eligibility, article_id, k, popular, pins, ruling)

    return recommender.over(answered)


def stand_in(
    recommender: Recommender,
    fallback: str,
    article_id: str | None,
    k: int,
    popular: Sequence[str],
    filters: Filters = Filters(),
) -> Answer:
    """The answer of a ``fallback``: ``popular`` :func:`popular_answer`, any other :func:`latest_answer`."""
    if fallback == "popular":
        return popular_answer(recommender, article_id, k, popular, filters)
    return latest_answer(recommender, article_id, k, filters)


def _beside(
    recommender: Recommender, view: View, article_id: str | None, filters: Filters
) -> tuple[Eligibility, list[str], Ruling]:
    """Which articles may be in the fallback of an article, the ids that editors pinned there, and the rules that
    apply."""
    given = recommender.ranking.eligibility(view, filters)
    pins, blocks = given.curated(article_id)
    place = None if article_id is None else view.locate(article_id)
    card = None if place is None else partial(view.segments[place[0]].table.card, place[1])
    ruling = given.ruling(card, article_id)
    pins = [*pins, *ruling.pinned_ids(view, given.masks, {*pins, *blocks})]
    own = frozenset() if article_id is None else frozenset({article_id})
    narrowed = replace(filters, exclude=filters.exclude | own | blocks)
    return recommender.ranking.eligibility(view, narrowed), pins, ruling
