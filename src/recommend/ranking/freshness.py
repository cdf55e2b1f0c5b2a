"""Freshness: orders the best candidates by half-life decay, and drops those over the age limit. Scores stay as they
are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recommend.index.dates import MISSING
from recommend.index.filters import Prefer
from recommend.index.lists import LISTED
from recommend.index.table import ArticleTable
from recommend.ranking.candidates import Candidates
from recommend.settings import PolicySettings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

DAY = 86_400


def today(now: float) -> int:
    """The beginning of the day (UTC) of a moment, both in seconds since 1970: ages count in it, so that an order holds
    for a day."""
    return int(now // DAY) * DAY


def by_the_clock(rules: PolicySettings, prefer: Prefer | None) -> bool:
    """Whether order or age limits depend on the day."""
    return rules.on and ((prefer or rules.freshness) != "any" or bool(rules.max_age))


def decay(ages: FloatArray, half_lives: FloatArray, offset: float) -> FloatArray:
    """(n,) decay factors 0…1 for ages (n,): halved for every half-life (n,) after the first ``offset`` days. All in
    days; 1 for an unknown age (NaN)."""
    late = np.maximum(np.nan_to_num(ages, nan=0.0) - offset, 0.0)
    return np.exp2(-late / half_lives)


def order(probabilities: NDArray[np.float32], worth: FloatArray, floor: float) -> NDArray[np.int64]:
    """Positions of candidates, best first, in the order to show them: those whose probability (n,) is at least
    ``floor`` before the others, among each by their worth (n,). Of more than LISTED candidates those after the first
    LISTED stay where they are."""
    moved = np.lexsort((-worth[:LISTED], probabilities[:LISTED] < floor))
    return np.concatenate([moved, np.arange(len(moved), len(probabilities))])


def decay_factors(
    candidates: Candidates,
    tables: Sequence[ArticleTable],
    rules: PolicySettings,
    prefer: Prefer,
    moments: tuple[int, int],
) -> FloatArray:
    """(n,) decay factors of candidates, 0…1; 1 for evergreen articles.

    Args:
        candidates: n of them.
        tables: by segment.
        rules: half-lives.
        prefer: ``near``: days between the two articles, whichever is older, are the age; ``fresh``: those until today.
        moments: of the query article, MISSING where it is unknown, and of today; in seconds since 1970.
    """
    asked, now = moments
    left = np.ones(len(candidates))
    for number, here, rows in candidates.by_segment():
        table = tables[number]
        published = table.published_at[rows]
        ages = np.where(published == MISSING, np.nan, published.astype(np.float64))
        ages = np.maximum(now - ages, 0.0) if prefer == "fresh" else np.abs((now if asked == MISSING else asked) - ages)
        half_lives = _by_section(table, rules.freshness_sections, rules.freshness_half_life)[
            table.codes("section")[rows]
        ]
        left[here] = np.where(table.evergreen[rows], 1.0, decay(ages / DAY, half_lives, rules.freshness_offset))
    return left


def too_old(table: ArticleTable, most: Mapping[str, float], moment: int) -> BoolArray:
    """(n,) which rows are older at a moment (seconds since 1970) than the age limit ``most`` of their section in days,
    ``*`` for all other sections; never an evergreen or undated article."""
    limits = _by_section(table, most, most.get("*", np.inf))[table.codes("section")]
    dated = table.published_at != MISSING
    ages = moment - table.published_at.astype(np.float64)
    old: BoolArray = dated & ~table.evergreen & (ages > limits * DAY)
    return old


def _by_section(table: ArticleTable, days: Mapping[str, float], otherwise: float) -> FloatArray:
    """Days by section code; articles without a section have code -1, the last entry."""
    return np.array([*(days.get(section, otherwise) for section in table.values("section")), otherwise])
