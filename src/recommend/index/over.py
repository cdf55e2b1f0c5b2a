"""Runs a computation on a view whose rows may be on another server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from recommend.errors import SnapshotError
from recommend.index.candidate_source import NotAtHand, Want
from recommend.index.changes import hide
from recommend.index.gathered import Gathered
from recommend.index.view import View

T = TypeVar("T")

_MOST_ROUNDS = 512


def over(view: View, work: Callable[[View], T]) -> T:
    """The result of ``work`` on a view. When ``work`` lacks rows (:class:`NotAtHand`), they are fetched and it is run
    again: it is pure, and gets further each time.

    Raises:
        StoreUnreachableError: when what is lacking cannot be fetched.
        SnapshotError: when rows are still lacking after many rounds.
    """
    for _ in range(_MOST_ROUNDS):
        try:
            return work(view)
        except NotAtHand as lacking:
            view = _having(view, lacking.want)
    raise SnapshotError(f"{view.snapshot.manifest.name}: an answer still lacked rows after {_MOST_ROUNDS} searches")


def _having(view: View, want: Want) -> View:
    first = view.segments[0]
    assert isinstance(first, Gathered)
    brought = first.gather(want)
    segments, alive = (brought, *view.segments[1:]), (brought.alive(), *view.alive[1:])
    return hide(view, replace(view, segments=segments, alive=alive))
