"""Editors' actions on a curation: each function returns the changed curation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recommend.articles.curation import Choice, Curation


def pin(curation: Curation, article_id: str, until: datetime | None = None) -> Curation:
    """Pins an article behind those that are pinned, or leaves it at its place; it is blocked no more."""
    one = Choice(id=article_id, until=until)
    pinned = [one if other.id == article_id else other for other in curation.pinned]
    pinned += [] if any(other.id == article_id for other in curation.pinned) else [one]
    return _of(pinned, _without(curation.blocked, article_id), curation.hidden_until)


def unpin(curation: Curation, article_id: str) -> Curation:
    """Takes a pin back."""
    return _of(_without(curation.pinned, article_id), curation.blocked, curation.hidden_until)


def block(curation: Curation, article_id: str, until: datetime | None = None) -> Curation:
    """Blocks an article; it is pinned no more."""
    blocked = [*_without(curation.blocked, article_id), Choice(id=article_id, until=until)]
    return _of(_without(curation.pinned, article_id), blocked, curation.hidden_until)


def unblock(curation: Curation, article_id: str) -> Curation:
    """Takes a block back."""
    return _of(curation.pinned, _without(curation.blocked, article_id), curation.hidden_until)


def hide(curation: Curation, until: datetime | None) -> Curation:
    """Hides the article itself until a moment; None shows it again."""
    return _of(curation.pinned, curation.blocked, until)


def order(curation: Curation, first: Sequence[str]) -> Curation:
    """Puts some articles first, in their order: pinned as long as they were, for good where they were not. Pins of
    others come after."""
    known = {one.id: one for one in curation.pinned}
    led = [known.get(one) or Choice(id=one) for one in dict.fromkeys(first)]
    rest = [one for one in curation.pinned if one.id not in first]
    blocked = [one for one in curation.blocked if one.id not in first]
    return _of([*led, *rest], blocked, curation.hidden_until)


def move(curation: Curation, shown: Sequence[str], article_id: str, step: int) -> Curation:
    """Moves an item of a box a place up (-1) or down (1): what stands above its new place, or changes places with it,
    is pinned there, or it would not stay above.

    Args:
        curation: of the box.
        shown: ids of its items as they stand.
        article_id: one of them; of any other, nothing is moved.
        step: how far, negative for up.
    """
    if article_id not in shown:
        return curation
    old = shown.index(article_id)
    new = min(max(old + step, 0), len(shown) - 1)
    if new == old:
        return curation
    moved = [one for one in shown if one != article_id]
    moved.insert(new, article_id)
    pinned = {one.id for one in curation.pinned}
    last = max([new, *(i for i, one in enumerate(moved) if one in pinned)])
    return order(curation, moved[: last + 1])


def _without(choices: Sequence[Choice], article_id: str) -> list[Choice]:
    return [one for one in choices if one.id != article_id]


def _of(pinned: Sequence[Choice], blocked: Sequence[Choice], hidden_until: datetime | None) -> Curation:
    """Checked, unlike a copy: lengths and doubles.

    Raises:
        ValidationError: more are pinned or blocked than there is room for.
    """
    return Curation(pinned=tuple(pinned), blocked=tuple(blocked), hidden_until=hidden_until)
