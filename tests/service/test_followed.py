"""A view of a database elsewhere: the event loop never waits for it, and is never given one that is too old."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from recommend.errors import StoreUnreachableError
from recommend.index.live import LiveView
from recommend_service import followed
from recommend_service.followed import STALL, FollowedView


class Live:
    """Counts how often the database is asked, and fails when told to."""

    problem, overlay_size = "an old snapshot", 3

    def __init__(self) -> None:
        self.looks = 0
        self.silent = False

    def refresh(self) -> Any:
        if self.silent:
            raise StoreUnreachableError("store: silence")
        self.looks += 1
        return f"view {self.looks}"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the monotonic clock says, in seconds."""
    clock = [100.0]
    monkeypatch.setattr(followed, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def live(now: list[float]) -> Live:
    return Live()


@pytest.fixture
def view(live: Live) -> FollowedView:
    return FollowedView(cast("LiveView", live), 0.5)


def given(view: FollowedView) -> object:
    return view.refresh()


def test_whoever_may_wait_is_given_what_holds_now_and_the_event_loop_the_last_look(
    live: Live, view: FollowedView
) -> None:
    assert given(view) == "view 2"  # nobody serves yet
    view.serve()
    assert (given(view), live.looks) == ("view 2", 2)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(given, view).result(60) == "view 3"
    assert (given(view), live.looks) == ("view 3", 3)
    assert (view.problem, view.overlay_size) == ("an old snapshot", 3)


def test_a_look_that_is_too_old_is_late_and_then_refused(view: FollowedView, now: list[float]) -> None:
    view.serve()
    now[0] += 0.4
    assert not view.late(now[0])
    now[0] += 0.2
    assert view.late(now[0])
    assert given(view) == "view 1"
    now[0] += STALL
    with pytest.raises(StoreUnreachableError, match="the database has not answered for 2 seconds"):
        view.refresh()
    view.look()
    assert given(view) == "view 2"


def test_a_look_that_failed_is_told_until_one_succeeds(live: Live, view: FollowedView) -> None:
    view.serve()
    live.silent = True
    with pytest.raises(StoreUnreachableError, match="silence"):
        view.look()
    for _ in range(2):
        with pytest.raises(StoreUnreachableError, match="silence"):
            view.refresh()
    live.silent = False
    view.look()
    assert given(view) == "view 2"
