"""Health checks that must try something slow: monitors get the last result and never wait longer than WITHIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from recommend.errors import RecommendError
from recommend_service.probe import Probe

WITHIN = 0.2
"""Seconds that a monitor waits at most."""

_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``holds`` is None when the check did not end in time; ``problem`` is empty when it holds."""

    holds: bool | None
    problem: str


class Check:
    """Runs one check at a time and keeps its result for a second; a failure until a later run passes."""

    def __init__(self, what: str, work: Callable[[], None]) -> None:
        """
        Args:
            what: a clause, for "whether … is not known".
            work: raises a :class:`RecommendError` where it does not hold.
        """
        self._what = what
        self._work = work
        self._probe = Probe(self._try)
        self._last = CheckResult(None, "")
        self._checked_at = float("-inf")

    async def result(self, expected: bool = True) -> CheckResult:
        """The result, at most a second old.

        Args:
            expected: False where it is known from elsewhere that it may not hold any more.
        """
        if monotonic() - self._checked_at < _FRESH_SECONDS and (expected or not self._last.holds):
            return self._last
        try:
            return await self._probe.ask(max(0.0, WITHIN - self._probe.running))
        except TimeoutError:
            if self._last.holds is False:
                return self._last
            return CheckResult(None, f"whether {self._what} is not known within {WITHIN:g} s")

    def _try(self) -> CheckResult:
        try:
            self._work()
        except RecommendError as problem:
            result = CheckResult(False, str(problem))
        else:
            result = CheckResult(True, "")
        self._last, self._checked_at = result, monotonic()  # kept for the next caller: this one may have timed out
        return result
