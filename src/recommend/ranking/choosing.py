"""Chooses the box of one query from given candidates: pins first, then the best that pass policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.filtering import Filtering
from recommend.ranking.sifting import Sifted, Sifting


@dataclass(frozen=True, slots=True)
class Choosing:
    """Chooses the box of one query.

    Attributes:
        sifting: of its candidates.
        eligibility: of the request.
        k: how many items.
        own: where the query's article is, None where there is none.
        pinned: where those are that editors put first; ``ruled`` those that rules pin.
        curated: how many articles editors' decisions about this very box took away, by what they decided.
        gone: how many rules keep out of every search.
    """

    sifting: Sifting
    eligibility: Eligibility
    k: int
    own: Place | None = None
    pinned: Sequence[Place] = ()
    ruled: Sequence[Place] = ()
    curated: Mapping[str, int] | None = None
    gone: int = 0

    @property
    def filtering(self) -> Filtering:
        """By policy."""
        sifting = self.sifting
        return Filtering(
            sifting.scoring, sifting.rules, sifting.query, self.eligibility, self.own, sifting.ruling, sifting.repeats
        )

    def of(self, sifted: Sifted) -> tuple[Chosen, bool]:
        """The chosen candidates, and whether readers could open too few of them."""
        sifting = self.sifting
        query, scoring, ruling = sifting.query, sifting.scoring, sifting.ruling
        pins, others = scoring.apart(query, sifted.candidates, [*self.pinned, *self.ruled], sifting.means)
        taken, removed, lacks = self.filtering.chosen(pins, others, self.k)
        left_out = removed.get("rules", 0) + (self.gone or sifted.gone)
        removed |= ({"rules": left_out} if left_out else {}) | dict(self.curated or {})
        first, related = related_first(taken, len(pins), sifting.rules.floor)
        return Chosen(
            first,
            len(self.pinned),
            related,
            removed,
            ruling=ruling,
            ruled=len(self.ruled),
            piece=sifted.piece,
            rescored=sifted.rescored,
        ), lacks


def related_first(chosen: Candidates, pinned: int, floor: float) -> tuple[Candidates, int]:
    """What is chosen, the pinned and the related, whose probability is at least ``floor``, first; and how many those
    are."""
    related = chosen.probabilities >= floor
    related[:pinned] = True
    if related.all():
        return chosen, len(related)
    return chosen.take(np.argsort(~related, kind="stable")), int(np.count_nonzero(related))
