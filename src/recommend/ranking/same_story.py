"""Which articles tell one running story, and which of them is its latest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.ranking.reasons import Reason

KINDS = frozenset({"story", "update"})
"""Of reasons of such items."""
NO_STORY = -1


def tells_same_story(reason: Reason) -> bool:
    """Whether an item that is shown for this reason tells the story of the article whose box it is in."""
    return reason.kind in KINDS


def superseded(stories: NDArray[np.int64], published_at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) which articles tell a story of which a later one is among them; of those of one moment, the first stays.

    Args:
        stories: (n,) a number for each story, :data:`NO_STORY` for what tells none of them: that always stays.
        published_at: (n,) seconds since 1970, :data:`~recommend.index.dates.MISSING` before all others.
    """
    order = np.lexsort((np.arange(len(stories)), ~published_at, stories))
    first = np.ones(len(order), np.bool_)
    first[1:] = stories[order][1:] != stories[order][:-1]
    stays = np.empty(len(order), np.bool_)
    stays[order] = first
    gone: NDArray[np.bool_] = ~stays & (stories != NO_STORY)
    return gone
