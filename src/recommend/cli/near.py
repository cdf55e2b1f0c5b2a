"""Ids like one that nobody has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_LOOKED_AT, _COMPARED, _START = 1_000_000, 20_000, 3


def near_ids(wanted: str, ids: Iterable[str]) -> list[str]:
    """At most three ids that resemble one: those that contain it, else those that are spelled like it.

    Of many only those are compared that begin in the same way, so that the answer does not take longer than a box.
    """
    known = list(islice(ids, _LOOKED_AT))
    word = wanted.casefold()
    holding = [one for one in known if word and word in one.casefold()]
    if holding:
        return sorted(holding, key=lambda one: (len(one), one))[:3]
    start = word[:_START]
    alike = known if len(known) <= _COMPARED else [one for one in known if one.casefold().startswith(start)]
    return get_close_matches(wanted, alike[:_COMPARED], cutoff=0.7)
