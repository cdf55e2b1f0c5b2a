"""How work grows with the length of what arrives, counted in a way that noise does not sway.

Work is counted in processor time of this thread, so that other processes do not sway it, and between two sizes: what is
quadratic takes 64 times as long for eight times the length. The garbage collector rests meanwhile: what it takes is a
matter of all that the process holds. A case fails only where it grows so again and again.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from hostile import NAMES, hostile

SMALL, TIMES = 2_000, 8
MOST = 24  # times the work for eight times the length: between 8 and 64
NOISE = 0.01  # seconds: nothing that is quadratic takes less at the larger size


@contextmanager
def without_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(entry: Callable[[str], object], text: str, repeats: int) -> float:
    """The least processor time of some runs, of fewer where one is long enough to be told from noise."""
    least, spent = float("inf"), 0.0
    for _ in range(repeats):
        with without_collection():
            begun = time.thread_time()
            with suppress(ValueError):  # a reason is an answer as well
                entry(text)
            taken = time.thread_time() - begun
        least, spent = min(least, taken), spent + taken
        if spent > NOISE:
            break
    return least


def grows(entry: Callable[[str], object], small: str, large: str) -> float:
    """How many times the work of ``small`` that of ``large`` is; the least of three attempts, 0 where it is noise."""
    least = float("inf")
    for _ in range(3):
        work = seconds(entry, large, 1)
        if work < NOISE:
            return 0.0
        least = min(least, work / seconds(entry, small, 5))
        if least <= MOST:
            break
    return least


def disproportionate(entry: Callable[[str], object], names: Iterable[str] = NAMES) -> dict[str, float]:
    """How much more work each repetition of the grammar makes at eight times the length, where that is too much."""
    found = {name: grows(entry, hostile(name, SMALL), hostile(name, SMALL * TIMES)) for name in names}
    return {name: factor for name, factor in found.items() if factor > MOST}
