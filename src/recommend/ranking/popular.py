"""Popular articles: the most clicked recent ones, a fallback when nothing is related and the request asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from recommend.articles.languages import same_language
from recommend.index.view import View
from recommend.ranking import reasons
from recommend.ranking.answer import Answer, Recommendation, listed
from recommend.ranking.candidates import Place
from recommend.ranking.catalogue import latest
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.masks import places
from recommend.ranking.rules import UNRULED, Ruling

DAYS = 14
"""How far back clicks count."""

_HALF_LIFE = 2.0
_LEAST = 20.0
_LEAST_OF_ONE = 2.0


def most_clicked(clicks: Iterable[tuple[str, float, int]]) -> list[str]:
    """Ids of the articles that were clicked most, the most first, ties by id; none where clicks are too few to tell.

    A click counts half after two days. What has less than two of them left is left out, and all is where they are less
    than twenty together, so that a few clicks of one reader name nothing popular.

    Args:
        clicks: of an article, the age of some of its clicks in days, and how many.
    """
    left: dict[str, float] = {}
    for article_id, age, count in clicks:
        left[article_id] = left.get(article_id, 0.0) + count * float(np.exp2(-max(age, 0.0) / _HALF_LIFE))
    if sum(left.values()) < _LEAST:
        return []
    popular = (one for one, count in left.items() if count >= _LEAST_OF_ONE)
    return sorted(popular, key=lambda one: (-left[one], one))


def popular_box(
    eligibility: Eligibility,
    article_id: str | None,
    k: int,
    popular: Sequence[str],
    pins: Sequence[str] = (),
    ruling: Ruling = UNRULED,
) -> Answer:
    """The popular articles after ``pins``, those of the article's own section first, labelled as such; then the newest.
    Where none is popular, it is the box of the newest.

    Args:
        eligibility: of the request, the article itself and what editors blocked in its box excluded.
        article_id: of the article; None where it is unknown.
        k: how many.
        popular: ids, the most popular first.
        pins: ids that editors put in front.
        ruling: what rules of editors say of the box.
    """
    view = eligibility.view
    masks = ruling.masks(view, eligibility.under(None), strictly=False)
    first = places(view, eligibility.masks, pins)[:k]
    own = None if article_id is None else view.locate(article_id)
    language, section = (None, None) if own is None else (_value(view, name, own) for name in ("language", "section"))
    language = None if eligibility.filters.names_language else language
    others = (place for place in places(view, masks, popular) if place not in first)
    shown = [place for place in others if same_language(language, _value(view, "language", place))]
    shown.sort(key=lambda place: section is None or _value(view, "section", place) != section)
    chosen = ruling.within(view, first, shown, k)
    items = [_item(view, place, rank, pinned=rank <= len(first)) for rank, place in enumerate(chosen, start=1)]
    for item in latest(eligibility, k + len(items), ruling=ruling):
        place = view.locate(item.id)
        if place is not None and len(ruling.within(view, chosen, [place], k)) > len(chosen):
            chosen.append(place)
            items.append(listed(item, len(items) + 1, item.reason))
    short = None if len(items) >= k else f"only {len(items)} articles pass the filters"
    fallback: Literal["latest", "popular"] = "popular" if shown and len(first) < k else "latest"
    name, lacking = view.snapshot.manifest.name, view.is_partial
    return Answer(article_id, name, view.revision, fallback, len(first), items, short, partial=lacking)


def _item(view: View, place: Place, rank: int, *, pinned: bool) -> Recommendation:
    card = view.segments[place[0]].table.card(place[1])
    return listed(card, rank, (reasons.pinned if pinned else reasons.popular)(card.language))


def _value(view: View, name: str, place: Place) -> str | None:
    return view.segments[place[0]].table.value(name, place[1])
