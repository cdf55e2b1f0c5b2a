"""Boxes that are arranged at random, so that clicks can tell what a ranking is worth: two neighbours exchanged, or two
rankings interleaved. What chance decides, a hash decides: every worker arranges the same way all day long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain

from recommend.articles.impressions import Swap
from recommend.ranking.answer import Answer, Recommendation

_PINNED = "pinned"


def exchanged(answer: Answer, share: float, seed: bytes) -> tuple[Answer, Swap]:
    """The answer with two neighbouring related items exchanged, in a share of cases: any pair as often as another.

    What editors pinned stays where it is, and so does what only fills the box. A box with a pin of a rule between
    others stays as it is: not any pair of it could be exchanged.

    Args:
        answer: as it was ranked.
        share: 0…1.
        seed: decides; where it is the same, so is the outcome.
    """
    if not share:
        return answer, Swap()
    pins = next((i for i, item in enumerate(answer.items) if item.reason.kind != _PINNED), len(answer.items))
    swap = Swap(share, pins + 1, answer.related)
    pairs, between = swap.last - swap.first, any(item.reason.kind == _PINNED for item in answer.items[pins:])
    if pairs < 1 or between:
        return answer, Swap()
    drawn, place = _numbers(seed)
    if drawn >= share * 2**32:
        return answer, swap
    at = pins + place * pairs // 2**32
    items = [*answer.items]
    items[at], items[at + 1] = items[at + 1], items[at]
    return _with(answer, items, answer.related), replace(swap, swapped=at + 1)


def interleaved(first: Answer, second: Answer, k: int, seed: bytes) -> tuple[Answer, list[int]]:
    """The related items of two answers in one, by team draft (Radlinski, Kurup and Joachims, CIKM 2008): a coin decides
    who picks first in each round, and either team picks its best that is not there yet.

    Pins, which both have, are of no team, and stand where the first answer has them; what fills the box afterwards is
    its, too.

    Args:
        first, second: answers under the same article.
        k: how many items.
        seed: decides; where it is the same, so is the outcome.

    Returns:
        The answer, and each item's team: 1, 2, or 0 for none.
    """
    pins = [item for item in first.items if item.reason.kind == _PINNED]
    there = {item.id: None for item in pins}
    leading = [item for place, item in enumerate(pins, start=1) if item.rank == place]
    between = pins[len(leading) :]
    picked, teams = [*leading], [0] * len(leading)
    left: list[list[Recommendation]] = [
        [item for item in one.items[: one.related] if item.id not in there] for one in (first, second)
    ]
    for turn in _turns(seed, k):
        if len(picked) + len(between) >= k:
            break
        own = left[turn]
        while own and own[0].id in there:
            own.pop(0)
        if own:
            item = own.pop(0)
            there[item.id] = None
            picked.append(item)
            teams.append(turn + 1)
    for item in between:
        place = min(item.rank - 1, len(picked))
        picked.insert(place, item)
        teams.insert(place, 0)
    related = len(picked)
    fill = [item for item in first.items[first.related :] if item.id not in there][: k - related]
    return _with(first, [*picked, *fill], related), teams + [0] * len(fill)


def _with(answer: Answer, items: Sequence[Recommendation], related: int) -> Answer:
    numbered = [replace(item, rank=rank) for rank, item in enumerate(items, start=1)]
    return replace(answer, items=numbered, related=related)


def _turns(seed: bytes, rounds: int) -> Iterator[int]:
    """Whose turn it is, 0 or 1: each has one in every round."""
    coins = blake2b(seed, digest_size=32).digest()
    order = ((0, 1) if coins[n // 8 % 32] >> n % 8 & 1 else (1, 0) for n in range(rounds))
    return chain.from_iterable(order)


def _numbers(seed: bytes) -> tuple[int, int]:
    drawn = blake2b(seed, digest_size=8).digest()
    return int.from_bytes(drawn[:4]), int.from_bytes(drawn[4:])
