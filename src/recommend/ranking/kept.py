"""Cache invalidation: which cached answers a change may have made wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import released_until
from recommend.index.filters import Filters
from recommend.index.lists import LISTED
from recommend.index.view import View
from recommend.ranking.basis import Basis, key_of
from recommend.ranking.candidates import FEATURES, Place
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.model import Ranker
from recommend.ranking.newcomers import scores_under
from recommend.ranking.shortlist import Scoring
from recommend.settings import Settings

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MOST_CHANGES = 64
"""Articles changed between two lookups above which all cached answers are dropped: comparing would take longer."""

BYTES_A_BASIS = 8 * (LISTED + 8) + 4 * len(FEATURES) + 150

_WIDTH = LISTED + 8
_MARGIN = 1e-3  # of a score, for sums in another order
_FIRST = 256
_NOBODY = -1


class KeptBases:
    """The bases of all cached answers, each in a slot of aligned arrays."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._ids: list[str | None] = []
        self._keys = np.zeros((0, _WIDTH), np.int64)
        self._reach = np.zeros(0, np.float32)
        self._means = np.zeros((0, len(FEATURES)), np.float32)

    def put(self, basis: Basis | None) -> int:
        """Stores a basis and returns its slot; None means that any change may affect the answer."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        if basis is None or len(basis.keys) > _WIDTH:
            self._ids[slot], self._reach[slot] = "", -np.inf
        else:
            self._ids[slot], self._reach[slot] = basis.article_id, basis.reach
            self._keys[slot, : len(basis.keys)] = basis.keys
            self._means[slot] = basis.means
        return slot

    def remove(self, slot: int) -> None:
        """Frees a slot."""
        self._ids[slot] = None
        self._keys[slot] = _NOBODY
        self._reach[slot] = np.inf
        self._free.append(slot)

    def stale(self, comparison: Comparison, changes: Changes) -> list[int]:
        """The slots of answers that changes may have made wrong."""
        view = comparison.scoring.view
        keys = [key_of(view, one) for one in changes.ids]
        stale = np.isin(self._keys, keys).any(axis=1) | (self._reach == -np.inf)
        open_ = np.flatnonzero(~stale & (self._reach < np.inf))
        for number, rows, slots in self._queries(view, open_) if changes.newcomers else ():
            for place in changes.newcomers:
                scores = scores_under(comparison.scoring, number, rows, self._means[slots], place)
                stale[slots] |= ~(scores < self._reach[slots] - _MARGIN)  # true of NaN
        return [int(slot) for slot in np.flatnonzero(stale) if self._ids[slot] is not None]

    def _queries(self, view: View, slots: IntArray) -> Iterator[tuple[int, IntArray, IntArray]]:
        """By segment, the rows of the articles whose answers are in the slots, and these."""
        own = self._keys[slots, 0]
        here = own < len(view.segments[0])
        if view.alive[0] is not None:
            here[here] = view.alive[0][own[here]]
        yield 0, own[here], slots[here]
        places = {int(slot): view.locate(self._ids[slot] or "") for slot in slots[~here]}
        for number in range(1, len(view.segments)):
            located = [(place[1], slot) for slot, place in places.items() if place is not None and place[0] == number]
            if located:
                rows, some = np.array(located, np.int64).T
                yield number, rows, some

    def _grow(self) -> None:
        before = len(self._ids)
        more = max(_FIRST, before)
        self._ids += [None] * more
        self._free += range(before + more - 1, before - 1, -1)
        self._keys = np.concatenate([self._keys, np.full((more, _WIDTH), _NOBODY, np.int64)])
        self._reach = np.concatenate([self._reach, np.full(more, np.inf, np.float32)])
        self._means = np.concatenate([self._means, np.zeros((more, len(FEATURES)), np.float32)])


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two lookups.

    Attributes:
        ids: of the articles that changed, or that the clock showed or hid.
        newcomers: where those of them are that may be shown now, all among what changed since the snapshot.
    """

    ids: frozenset[str]
    newcomers: list[Place]


@dataclass(frozen=True)
class Comparison:
    """Compares changes with the bases of cached answers, under the settings that these were computed with."""

    settings: Settings
    scoring: Scoring

    @classmethod
    def of(cls, view: View, settings: Settings, ranker: Ranker, foreign: Ranker) -> Comparison:
        """The comparison with a view."""
        return cls(settings, Scoring(view, settings.ranking, ranker, foreign))

    def changes(self, before: View, then: float, now: float, *, turned: bool) -> Changes | None:
        """What changed since the last lookup; None when that is too much to compare, or unknown.

        Args:
            before: that view.
            then: when that was, in seconds since 1970; ``now`` the present moment.
            turned: whether the clock may have shown or hidden an article since.
        """
        view = self.scoring.view
        changed = view.changed_since(before)
        if changed is None or now < then or not view.segments[0].is_whole:
            return None
        if turned and view.rules.active(_moment(then)) != view.rules.active(_moment(now)):
            return None
        ids = changed | frozenset(_turned(view, then, now)) if turned else changed
        if len(ids) > MOST_CHANGES:
            return None
        masks = Eligibility(view, Filters(), now, self.settings).masks if ids else ()
        newcomers = list[Place]()
        for place in filter(None, map(view.locate, ids)):
            number, row = place
            mask = masks[number]
            if mask is not None and not mask[row]:
                continue
            if number == 0 and not self._was_shown(before, then, place):
                return None
            if number > 0:
                newcomers.append(place)
        return Changes(ids, newcomers)

    def _was_shown(self, before: View, then: float, place: Place) -> bool:
        mask = Eligibility(before, Filters(), then, self.settings).masks[place[0]]
        return mask is None or bool(mask[place[1]])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _turned(view: View, then: float, now: float) -> Iterator[str]:
    """Ids of the articles that the clock showed or hid between two moments, or whose pins or blocks ended."""
    for segment in view.segments:
        expires, published = segment.table.expires_at, segment.table.published_at
        expired = (expires > int(then)) & (expires <= int(now))
        begun = (published > released_until(then)) & (published <= released_until(now))
        yield from map(segment.table.id, np.flatnonzero(expired | begun).tolist())
    for article_id, curation in view.curations.items():
        ends = [curation.hidden_until, *(one.until for one in (*curation.pinned, *curation.blocked))]
        if any(end is not None and then < end.timestamp() <= now for end in ends):
            yield article_id
