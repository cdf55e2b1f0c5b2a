"""The rows of a table in time: when they were published, when they expire, and what the clock changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommend.index.dates import MISSING

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Timeline:
    """n rows in time.

    Attributes:
        published_at: (n,) int64 seconds since 1970, MISSING where unknown; ``expires_at`` likewise.
    """

    published_at: IntArray
    expires_at: IntArray

    def unexpired(self, now: int) -> BoolArray | None:
        """(n,) which rows have not expired by ``now``, in seconds since 1970; None when none has."""
        if not len(self._expiries) or now < self._expiries[0]:
            return None
        return ~_expired(self.expires_at, now)

    def has_expired(self, row: int, now: int) -> bool:
        """Whether a row has expired by ``now``, in seconds since 1970."""
        return bool(_expired(self.expires_at[row : row + 1], now)[0])

    def released(self, embargo: int) -> BoolArray | None:
        """(n,) which rows are not published later than ``embargo``, in seconds since 1970; None when none is."""
        if not len(self.published_at) or embargo >= self._last_published:
            return None
        return self.published_at <= embargo

    def next_change_at(self, now: int, embargo: int) -> int | None:
        """The first second after ``now`` at which other rows are unexpired, or released from an embargo as far ahead as
        this one. None when the clock changes nothing any more."""
        later = self._expiries[np.searchsorted(self._expiries, now, side="right") :][:1].tolist()
        if len(self.published_at) and embargo < self._last_published:
            later.append(int(self.published_at[self.published_at > embargo].min()) - (embargo - now))
        return min(later, default=None)

    def first_published(self, since: int) -> int | None:
        """The earliest date of publication from ``since`` (seconds since 1970) on, None when there is none."""
        return next(iter(self._dates[np.searchsorted(self._dates, since) :][:1].tolist()), None)

    def around(self, moment: int, count: int) -> slice:
        """Where in :attr:`dated` up to ``count`` articles published about a moment (seconds since 1970) stand, half of
        them before it where there are as many."""
        total = len(self._dates)
        later = total - int(np.searchsorted(self._dates, moment, side="right"))
        start = max(0, min(later - count // 2, total - count))
        return slice(start, min(start + count, total))

    @cached_property
    def dated(self) -> IntArray:
        """(m,) rows that have a date of publication, newest first, ties by id."""
        return self.newest_first[: len(self._dates)]

    @cached_property
    def _expiries(self) -> IntArray:
        return np.sort(self.expires_at[self.expires_at != MISSING])

    @cached_property
    def _dates(self) -> IntArray:
        return np.sort(self.published_at[self.published_at != MISSING])

    @cached_property
    def _last_published(self) -> int:
        return int(self.published_at.max())

    @cached_property
    def newest_first(self) -> IntArray:
        """(n,) rows by date of publication, newest first, undated last, ties by id."""
        return np.lexsort((np.arange(len(self.published_at)), -self.published_at.astype(np.float64)))


def _expired(expires_at: IntArray, now: int) -> BoolArray:
    mask: BoolArray = (expires_at != MISSING) & (expires_at <= now)
    return mask
