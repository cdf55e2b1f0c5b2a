"""How much is run of what repeats itself: a spread sample, or with ``THOROUGH=1`` all of it."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("THOROUGH", "") not in {"", "0"}


def examples(few: int, many: int) -> int:
    """How many examples a property is tried on."""
    return many if THOROUGH else few


def spread(count: int, few: int) -> list[int]:
    """``few`` of the numbers below ``count``, as far apart as can be, from the first to the last; all if thorough."""
    if THOROUGH or count <= few:
        return list(range(count))
    return sorted({round(place * (count - 1) / (few - 1)) for place in range(few)})
