"""A view of a database on another machine, brought up to date beside the event loop, which never waits for it."""

from __future__ import annotations

from threading import Lock, get_ident
from time import monotonic

from recommend.errors import RecommendError, StoreUnreachableError
from recommend.index.live import LiveView
from recommend.index.snapshot.layout import Manifest
from recommend.index.view import FixedView, View

STALL = 1.0
"""Seconds that are waited for a look."""


class FollowedView(FixedView):
    """On the event loop's thread the view as of the last look, on any other as of now.

    Nobody can tell what has been taken down while the database is silent, so the last view is good for a short while:
    who asks for it waits for a look first where it is late, and it is refused when that does not come.

    Attributes:
        problem: why the published snapshot is not the one that is served, None when it is.
    """

    def __init__(self, live: LiveView, most: float) -> None:
        """
        Args:
            live: what looks.
            most: seconds for which a look holds, :data:`STALL` more for those who waited in vain.
        """
        self._live = live
        self._most = most
        self._lock = Lock()
        self._loop_thread: int | None = None
        self._failed: RecommendError | None = None
        self._seen = monotonic()
        super().__init__(live.refresh())

    def serve(self) -> None:
        """From now on the calling thread is not to wait."""
        self._loop_thread = get_ident()

    def late(self, moment: float) -> bool:
        """Whether the last look is too old for a request that came at a moment of the monotonic clock."""
        return moment - self._seen > self._most

    def refresh(self) -> View:
        """The view.

        Raises:
            StoreError: the database does not answer, or not as it should.
            SnapshotError: as of :meth:`LiveView.refresh`.
        """
        if get_ident() != self._loop_thread:
            return self.look()
        if self._failed is not None:
            raise self._failed.with_traceback(None)
        age = monotonic() - self._seen
        if age > self._most + STALL:
            raise StoreUnreachableError(f"store: the database has not answered for {age:.0f} seconds")
        return self._view

    def awaited(self) -> Manifest | None:
        """See :meth:`LiveView.awaited`; waits for the database."""
        return self._live.awaited()

    def look(self) -> View:
        """The view as of now, from which on it is the last one; waits for the database.

        Raises:
            StoreError, SnapshotError: as :meth:`refresh`.
        """
        with self._lock:
            began = monotonic()
            try:
                self._view = self._live.refresh()
            except RecommendError as problem:
                self._failed = problem
                raise
            finally:
                self._seen = began
            self._failed = None
            self.problem, self.overlay_size = self._live.problem, self._live.overlay_size
            return self._view
