"""What is in use is closed by the last who uses it, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from recommend.errors import StoreUnreachableError
from recommend_service.in_use import InUse


def test_what_nobody_uses_is_closed_at_once_and_used_no_more() -> None:
    closed: list[str] = []
    used = InUse(lambda: closed.append("closed"))
    assert used.during(lambda: 7)() == 7
    assert closed == []
    used.end()
    used.end()
    assert closed == ["closed"]
    with pytest.raises(StoreUnreachableError, match="the service has ended"):
        used.during(lambda: 7)()
    assert closed == ["closed"]


def test_what_is_in_use_is_closed_by_the_last_be_its_work_done_or_failed() -> None:
    closed: list[str] = []
    used, begun, go_on = InUse(lambda: closed.append("closed")), [Event(), Event()], [Event(), Event()]

    def work(number: int) -> None:
        begun[number].set()
        assert go_on[number].wait(60)
        assert closed == []
        if number:
            raise ValueError

    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(used.during(partial(work, number))) for number in (0, 1))
        assert all(event.wait(60) for event in begun)
        used.end()
        assert closed == []
        go_on[0].set()
        first.result(60)
        assert closed == []
        go_on[1].set()
        with pytest.raises(ValueError):
            second.result(60)
    assert closed == ["closed"]
