"""Work that takes its time is waited for no longer than each who asks will."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from recommend.errors import StoreError
from recommend_service.checks import WITHIN, Check, CheckResult
from recommend_service.probe import Probe


def test_those_who_ask_share_one_call_and_the_next_begins_when_it_has_ended() -> None:
    free, calls = Event(), list[int]()

    def work() -> int:
        calls.append(len(calls))
        assert free.wait(60)
        return calls[-1]

    async def ask() -> None:
        probe = Probe(work)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await probe.ask(0.01)
        waiting = [asyncio.create_task(probe.ask(None)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # who goes leaves the work to the others
        free.set()
        assert await asyncio.gather(*waiting[1:]) == [0] * 4
        assert await probe.ask(60) == 1

    asyncio.run(ask())
    assert calls == [0, 1]


def test_a_call_that_fails_fails_for_all_and_is_tried_again() -> None:
    results = iter([StoreError("no"), None])

    def work() -> None:
        if (problem := next(results)) is not None:
            raise problem

    async def ask() -> None:
        probe = Probe(work)
        with pytest.raises(StoreError, match="no"):
            await probe.ask(60)
        await probe.ask(60)

    asyncio.run(ask())


def test_what_hangs_cannot_be_told_and_what_was_told_may_be_known_to_hold_no_more() -> None:
    free, problems = Event(), [StoreError("disk full")]

    def work() -> None:
        assert free.wait(60)
        if problems:
            raise problems.pop()

    async def ask() -> list[CheckResult]:
        check = Check("the store takes changes", work)
        told = [await check.result(), await check.result()]
        free.set()
        while (found := await check.result()).holds is None:
            pass
        return [*told, found, await check.result(False)]

    unknown = CheckResult(None, f"whether the store takes changes is not known within {WITHIN} s")
    assert asyncio.run(ask()) == [unknown, unknown, CheckResult(False, "disk full"), CheckResult(False, "disk full")]


def test_what_took_too_long_is_told_to_who_asks_next_and_that_it_does_not_hold_until_it_does() -> None:
    goes_on, fails = Event(), [True, False]

    def work() -> None:
        assert goes_on.wait(60)
        goes_on.clear()
        if fails.pop(0):
            raise StoreError("it is gone")

    async def asked() -> list[bool | None]:
        check = Check("it is there", work)
        told = [(await check.result()).holds]
        for wanted in (False, True):
            goes_on.set()
            while goes_on.is_set() or told[-1] is not wanted:
                told.append((await check.result(expected=False)).holds)
        return told

    told = asyncio.run(asked())
    assert told[0] is None
    assert [*dict.fromkeys(told)] == [None, False, True]
    assert None not in told[told.index(False) :]
