"""What is filtered by policy, whatever its score: pure functions on ranked candidates and on tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.index.table import ArticleTable
from recommend.ranking.candidates import Candidates
from recommend.ranking.freshness import too_old
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]


def unwanted(
    table: ArticleTable,
    rules: PolicySettings,
    genre: str | None,
    language: str | None,
    moment: int | None = None,
    *,
    any_genre: bool = False,
) -> dict[str, BoolArray]:
    """By rule, (n,) which do not belong under a story of ``genre`` in ``language`` of a ``moment`` in seconds since
    1970; of None, any language or age belongs, and where it is said, any genre."""
    hidden = () if any_genre else [one for one in rules.hidden_genres if one != genre]
    by_rule: dict[str, BoolArray | None] = {"genre": table.masks.has_genre(hidden)}
    if rules.same_language and language is not None:
        by_rule["language"] = table.masks.foreign_to(language)
    if rules.max_age and moment is not None:
        by_rule["age"] = too_old(table, rules.max_age, moment)
    return {rule: mask for rule, mask in by_rule.items() if mask is not None}


def first_of_groups(groups: NDArray[np.uint64]) -> BoolArray:
    """(n,) which are the first of their duplicate group, ``groups`` (n,)."""
    order = np.argsort(groups, kind="stable")
    mask = np.ones(len(groups), np.bool_)
    mask[order[1:]] = groups[order[1:]] != groups[order[:-1]]
    return mask


def floor(candidates: Candidates, least: float) -> Candidates:
    """Those whose probability of being related is at least ``least`` (0…1)."""
    return candidates.take(candidates.probabilities >= least)


def marginal(
    candidates: Candidates,
    similarity: NDArray[np.floating] | None,
    repeats: BoolArray,
    most: int,
    diversity: float,
    pinned: int = 0,
    limits: Sequence[tuple[BoolArray, int]] = (),
) -> NDArray[np.int64]:
    """Positions of up to ``most`` candidates in the order to show them, none of which repeats one shown before it.

    Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998): each next one has the most of
    (1 − diversity) · probability − diversity · similarity to the most similar one that was taken.

    Args:
        candidates: n, best first.
        similarity: (n, n) cosines between them; None where ``diversity`` is 0.
        repeats: (n, n) whether two are near-duplicates.
        most: how many to take.
        diversity: 0 keeps the order of ranking, 1 looks at nothing but variety.
        pinned: how many of the candidates are taken first, in their order, whatever they repeat.
        limits: which (n,) candidates are of one kind, and how many of those may be taken.
    """
    if not diversity and not limits:
        return _first_told(repeats, most, pinned)
    chosen: list[int] = []
    open_ = np.ones(len(candidates), np.bool_)
    most_similar = np.zeros(len(candidates), np.float64)
    while len(chosen) < most and (len(chosen) < pinned or open_.any()):
        gain = (
            (1 - diversity) * candidates.probabilities - diversity * most_similar
            if diversity
            else -np.arange(len(open_))
        )
        position = len(chosen) if len(chosen) < pinned else int(np.argmax(np.where(open_, gain, -np.inf)))
        chosen.append(position)
        open_ &= ~repeats[position]
        open_[position] = False
        for kind, count in limits:
            if kind[position] and np.count_nonzero(kind[chosen]) >= count:
                open_ &= ~kind
        if similarity is not None:
            most_similar = np.maximum(most_similar, similarity[position])
    return np.array(chosen, np.int64)


def _first_told(repeats: BoolArray, most: int, pinned: int) -> NDArray[np.int64]:
    """The first of n, none of which repeats one before it, but those ``pinned``."""
    if not repeats.any():
        return np.arange(min(most, len(repeats)))
    chosen: list[int] = []
    repeated = np.zeros(len(repeats), np.bool_)
    for position in range(len(repeats)):
        if len(chosen) == most:
            break
        if position < pinned or not repeated[position]:
            chosen.append(position)
            repeated |= repeats[position]
    return np.array(chosen, np.int64)
