"""What can be told only by trying it, which may take long: asked for by monitors, who must not wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from recommend.errors import RecommendError
from recommend_service.probe import Probe

WITHIN = 0.2
"""Seconds that a monitor waits at most."""

_YOUNG = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """What was found. ``holds`` is None when that could not be told in time; ``problem`` is empty where it holds."""

    holds: bool | None
    problem: str


class Check:
    """Tells whether something holds, as it was a second ago at most; that it does not, until it is found to again."""

    def __init__(self, what: str, work: Callable[[], None]) -> None:
        """
        Args:
            what: a clause, for "whether … cannot be told".
            work: raises a :class:`RecommendError` where it does not hold.
        """
        self._what = what
        self._work = work
        self._probe = Probe(self._try)
        self._told = Told(None, "")
        self._when = float("-inf")

    async def tell(self, expected: bool = True) -> Told:
        """Whether it holds.

        Args:
            expected: False where it is known from elsewhere that it may not hold any more.
        """
        if monotonic() - self._when < _YOUNG and (expected or not self._told.holds):
            return self._told
        try:
            return await self._probe.ask(max(0.0, WITHIN - self._probe.running))
        except TimeoutError:
            if self._told.holds is False:
                return self._told
            return Told(None, f"whether {self._what} cannot be told within {WITHIN:g} s")

    def _try(self) -> Told:
        try:
            self._work()
        except RecommendError as problem:
            told = Told(False, str(problem))
        else:
            told = Told(True, "")
        self._told, self._when = told, monotonic()  # for who asks next: who asked may not have waited so long
        return told
