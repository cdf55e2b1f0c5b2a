"""Moments as arrays keep them: whole seconds since 1970, and how near two lie to each other."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
_DAY = 86_400.0


MISSING = np.iinfo(np.int64).min


def nearness(published_at: IntArray, others: IntArray | int, scale: float) -> FloatArray:
    """exp(−|Δ| / scale) of moments (n,) in seconds from others, ``scale`` in days; NaN where either is unknown."""
    near = np.exp(-days_apart(published_at, others) / scale)
    return near.astype(np.float32)


def days_apart(published_at: IntArray, others: IntArray | int) -> NDArray[np.float64]:
    """(n,) days between moments (n,) in seconds and others, NaN where either is unknown."""
    unknown = (published_at == MISSING) | (np.asarray(others) == MISSING)
    return np.where(unknown, np.nan, np.abs(published_at.astype(np.float64) - np.asarray(others, np.float64)) / _DAY)


def seconds(moment: datetime | None) -> int:
    """Whole seconds since 1970; MISSING for None."""
    return MISSING if moment is None else int(moment.replace(microsecond=0).timestamp())  # a float would round them up


def moment(value: int) -> datetime | None:
    """The reverse of :func:`seconds`."""
    return None if value == MISSING else datetime.fromtimestamp(value, UTC)
