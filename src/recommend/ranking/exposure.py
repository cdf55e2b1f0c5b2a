"""Which story that no box would show each box prefers among those that score about as much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.index.view import View
from recommend.ranking.candidates import Candidates, Place
from recommend.settings import PolicySettings

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int32]

SIZE = 5
"""Items of the boxes that are counted."""
NOBODY = -1


def hosts(rows: Rows, probabilities: NDArray[np.float32], tolerance: float, floor: float, size: int = SIZE) -> Rows:
    """(n,) int32 rows of the articles that the boxes of n articles prefer, NOBODY where one prefers none.

    Each article that stands in none of the boxes is given to the one where it lacks least, at most one to a box and
    none where the article that gives way would be in no box then, or where it would be less related than the others.
    Those with the fewest boxes to choose from come first.

    Args:
        rows: (n, m) what may stand in each box, best first; NOBODY after the last.
        probabilities: (n, m) of that to be related.
        tolerance: the most that it may lack.
        floor: the least that is called related.
        size: items of a box.
    """
    shown, last = rows[:, :size], rows[:, size - 1]
    boxes = np.bincount(shown[shown != NOBODY], minlength=len(rows))
    waiting = rows[:, size:]
    lacks = probabilities[:, size - 1 : size].astype(np.float64) - probabilities[:, size:]
    falls = (probabilities[:, size - 1 : size] >= floor) & (probabilities[:, size:] < floor)
    fits = (waiting != NOBODY) & (lacks < tolerance) & ~falls
    fits[fits] = boxes[waiting[fits]] == 0
    box, place = np.nonzero(fits)
    candidates = waiting[box, place]
    choices = np.bincount(candidates, minlength=len(rows))
    preferred = np.full(len(rows), NOBODY, np.int32)
    for i in np.lexsort((box, candidates, lacks[box, place], choices[candidates])).tolist():
        host, one, gives_way = box[i], candidates[i], last[box[i]]
        if preferred[host] == NOBODY and not boxes[one] and boxes[gives_way] > 1:
            preferred[host] = one
            boxes[one] += 1
            boxes[gives_way] -= 1
    return preferred


def preferred(view: View, own: Place | None, rules: PolicySettings) -> Place | None:
    """Where the article is that the box of the one at ``own`` prefers; None where it prefers none."""
    exposure = view.snapshot.exposure
    if exposure is None or own is None or own[0] != 0 or not (rules.on and rules.exposure):
        return None
    row = int(exposure[own[1]])
    return None if row == NOBODY else (0, row)


def lifted(candidates: Candidates, one: Place, tolerance: float) -> FloatArray:
    """(n,) the probabilities by which candidates are ordered where the one at a place is preferred."""
    return candidates.probabilities.astype(np.float64) + np.where(is_at(candidates, one), tolerance, 0.0)


def is_at(candidates: Candidates, place: Place) -> NDArray[np.bool_]:
    """(n,) which of the candidates is the article at a place."""
    mask: NDArray[np.bool_] = (candidates.segments == place[0]) & (candidates.rows == place[1])
    return mask
