"""The catalogue, independent of any query: the newest articles, and the sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recommend.index.view import View
from recommend.ranking import reasons
from recommend.ranking.answer import Recommendation, listed
from recommend.ranking.candidates import Place
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.masks import Masks, both, places
from recommend.ranking.newest import newest_first
from recommend.ranking.rules import UNRULED, Ruling


@dataclass(frozen=True, slots=True)
class Newest:
    """Where the newest articles are, after the first ``pinned``, which editors put there."""

    places: list[Place]
    pinned: int


def latest(
    eligibility: Eligibility, k: int, pins: Sequence[str] = (), *, any_kind: bool = False, ruling: Ruling = UNRULED
) -> list[Recommendation]:
    """The items of the k newest articles, after those of ``pins`` that may be shown; ``any_kind`` lets every genre
    pass, and ``ruling`` leaves some out."""
    rules = eligibility.settings.policy
    readable = rules.readable if rules.on and not any_kind else 0
    chosen = newest(eligibility, k, pins, any_kind=any_kind, readable=readable, ruling=ruling)
    items = []
    for rank, (number, row) in enumerate(chosen.places, start=1):
        card = eligibility.view.segments[number].table.card(row)
        why = reasons.pinned if rank <= chosen.pinned else reasons.latest
        items.append(listed(card, rank, why(card.language)))
    return items


def sections(view: View) -> list[tuple[str, int]]:
    """Names of sections and their numbers of articles, most first."""
    counts: dict[str, int] = {}
    for segment, alive in zip(view.segments, view.alive, strict=True):
        for name, number in segment.sections(alive):
            counts[name] = counts.get(name, 0) + number
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def newest(
    eligibility: Eligibility,
    k: int,
    pins: Sequence[str] = (),
    *,
    any_kind: bool = False,
    readable: int = 0,
    ruling: Ruling = UNRULED,
) -> Newest:
    """The k newest articles, ties by id, after those of ``pins`` that may be shown.

    ``any_kind`` lets every genre pass. At least ``readable`` are such as the reader may open, if there are so many.
    """
    view = eligibility.view
    masks = ruling.masks(view, eligibility.under(None, any_kind=any_kind), strictly=False)
    first = places(view, eligibility.masks, pins)[:k]
    if ruling.limits:
        return Newest(_within_limits(view, masks, ruling, first, k), len(first))
    others = [one for one in newest_first(view, masks, None, k) if one[2:] not in first][: k - len(first)]
    if readable:
        open_ = newest_first(view, both(masks, eligibility.readable), None, k)
        opened = [mask is None or mask[row] for mask, row in ((eligibility.readable[n], row) for n, row in first)]
        least = min(readable, k) - sum(map(bool, opened))
        kept = [one for one in open_ if one[2:] not in first][: max(0, min(least, k - len(first)))]
        rest = [one for one in others if one not in kept]
        if len(others) - len(rest) < len(kept):
            others = sorted([*kept, *rest[: k - len(first) - len(kept)]])
    return Newest([*first, *(one[2:] for one in others)], len(first))


def _within_limits(view: View, masks: Masks, ruling: Ruling, first: list[Place], k: int) -> list[Place]:
    """Those first and the newest beside them, k in all, no more of a kind than rules allow."""
    chosen, reached = first, -1
    while reached < len(chosen) < k:
        reached = len(chosen)
        newer = newest_first(view, ruling.open_to(view, masks, chosen), None, 2 * k)
        chosen = ruling.within(view, chosen, (one[2:] for one in newer), k)
    return chosen
