"""What holds now, where the articles lie on servers: their live generation and everything that changed since."""

from __future__ import annotations

import logging
from time import monotonic

from recommend.errors import SnapshotError, StoreError
from recommend.files import replace_file
from recommend.index.changes import hide, unchanged
from recommend.index.live import LiveView
from recommend.index.pgvector.generations import generation, generations, live_name
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.statistics import open_generation
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import Snapshot
from recommend.index.view import FixedView
from recommend.store import Store

logger = logging.getLogger(__name__)


class LoadedView(FixedView):
    """One generation as it was loaded, without what changed since: what it is compared through."""

    def __init__(self, servers: Servers, layout: IndexLayout, name: str) -> None:
        """
        Raises:
            SnapshotError: when it is missing or damaged.
            StoreUnreachableError: when the servers cannot be asked.
        """
        view = unchanged(open_generation(servers, layout, name))
        super().__init__(hide(view, view))


class GenerationView(LiveView):
    """Keeps a view up to date with the store and the generations on servers.

    Which generation is live is asked for at most every ``staleness`` seconds; changes in the store are looked for as
    over snapshots.
    """

    def __init__(
        self, store: Store, layout: IndexLayout, servers: Servers, *, staleness: float, serving: bool = False
    ) -> None:
        """
        Args:
            store: the truth.
            layout: the index folder of this machine, for statistics.
            servers: where the generations lie.
            staleness: seconds between looks for another generation.
            serving: whether others wait for answers, see :class:`~recommend.index.live.LiveView`.

        Raises:
            SnapshotError: when no generation is live, or it cannot be used.
            StoreUnreachableError: when the servers cannot be asked.
        """
        self.servers = servers
        self._staleness = staleness
        self._asked, self._name = float("-inf"), live_name(servers)
        super().__init__(store, layout, serving=serving)

    @property
    def problem(self) -> str | None:
        """Why the published generation is not the one that is served, or not all of it; None when it is."""
        return self._problem or self.servers.problem

    @problem.setter
    def problem(self, problem: str | None) -> None:
        self._problem = problem

    def awaited(self) -> Manifest | None:
        """As over snapshots, and as of now."""
        self._asked = float("-inf")
        stamp = self._stamp()
        if self._awaited is None and stamp == self._published:
            return None
        try:
            return None if self._name is None else generation(self.servers, self._name).manifest
        except (SnapshotError, StoreError):
            return None  # opening it tells what is wrong with it

    def close(self) -> None:
        """Gives back connections."""
        self.servers.close()

    def _stamp(self) -> object:
        if monotonic() - self._asked >= self._staleness:
            try:
                self._name = live_name(self.servers)
            except StoreError as problem:  # what is at hand stays good; whoever searches is told
                logger.warning("whether another generation is live cannot be told: %s", problem)
            self._asked = monotonic()
        return self._name

    def _live_name(self) -> str | None:
        return self._name

    def _published_names(self) -> list[str]:
        return [one.manifest.name for one in reversed(generations(self.servers)) if one.published and one.verified]

    def _is_known(self, name: str) -> bool:
        return self._layout.snapshot(name).manifest.exists()  # its statistics are here

    def _read(self, name: str) -> Snapshot:
        snapshot = open_generation(self.servers, self._layout, name)
        try:  # for those who ask the folder what is live
            if current_name(self._layout) != name:
                replace_file(self._layout.current, f"{name}\n".encode())
        except OSError as problem:
            logger.info("%s is not kept up to date: %s", self._layout.current, problem)
        return snapshot
