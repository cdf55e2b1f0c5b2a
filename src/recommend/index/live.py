"""The live view: the published snapshot and every change in the store since."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import NamedTuple, TypeVar

from recommend.errors import SnapshotError, StoreError
from recommend.index.changes import apply, hide, unchanged
from recommend.index.query import Prepared
from recommend.index.snapshot.catalog import current_name, published_names
from recommend.index.snapshot.kept import MANY, KeptChanges
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import Snapshot, open_verified
from recommend.index.snapshot.stamps import is_stamped
from recommend.index.view import FixedView, View
from recommend.store import Store

T = TypeVar("T")

logger = logging.getLogger(__name__)


class SnapshotView(FixedView):
    """One snapshot as it was built, without what changed since: what a comparison of two looks through."""

    def __init__(self, layout: IndexLayout, name: str) -> None:
        """
        Raises:
            SnapshotError: when the snapshot is missing or cannot be opened.
        """
        view = unchanged(open_verified(layout, name))
        super().__init__(hide(view, view))


class Opened(NamedTuple):
    """A view, all articles of its overlay segments by id, and the files that keep what was prepared of them."""

    view: View
    changed: dict[str, Prepared]
    kept: KeptChanges


class Awaited(NamedTuple):
    """A snapshot that is being verified and opened while another one is served; ``stamp`` is that of ``CURRENT``."""

    stamp: object
    opened: Future[Opened]


class LiveView:
    """Keeps a view up to date with the store and the index folder.

    A snapshot is opened only after it was verified on this machine and not touched since.

    Attributes:
        problem: why the published snapshot is not being served, None when it is.
        warmer: asked when a later snapshot is published and others wait for answers: what is to be done with its view,
            in a thread of its own, before that is served; None for nothing.
    """

    def __init__(self, store: Store, layout: IndexLayout, *, serving: bool = False) -> None:
        """Opens the published snapshot and applies the changes since. Where it is damaged, or a restore undid it, the
        one that was published before it stands in, with all changes since.

        Args:
            store: the truth.
            layout: the index folder.
            serving: whether others wait for answers: a snapshot that nobody on this machine has verified yet is then
                verified, and opened, by a thread of its own while the one before is served, and it is noted beside the
                snapshots that it was; what is prepared of many changes is kept there, too. Otherwise whoever looks
                waits, and nothing is written.

        Raises:
            SnapshotError: when none is published or none of those that were can be opened.
        """
        self._store = store
        self._layout = layout
        self._serving = serving
        self._current = str(layout.current)
        self._lock = Lock()
        self._published: object = self._stamp()
        self._awaited: Awaited | None = None
        self.problem: str | None = None
        self.warmer: Callable[[], Callable[[View], object] | None] = lambda: None
        self._changes = 0
        self._view, self._changed, self._kept = self._open_any()
        self._keep()

    def refresh(self) -> View:
        """The view as of the store's latest revision; microseconds when nothing changed.

        Raises:
            SnapshotError: when a restore of the store undid what view and published snapshots hold.
        """
        stamp = self._stamp()
        if stamp == self._published and self._awaited is None and self._store.latest_revision() == self._view.revision:
            return self._view
        with self._lock:
            self._follow(stamp)
            if self._store.latest_revision() != self._view.revision:
                known = self._view.revision
                change_set = self._store.changes.read(known, known, self._view.snapshot.manifest.encoder)
                if change_set.rolled_back:
                    self._view, self._changed, self._kept = self._open_any()
                else:
                    self._view = apply(self._view, self._changed, change_set, self._kept)
                self._changes += len(change_set.changes)
                if self._changes >= MANY:
                    self._keep()
            return self._view

    def awaited(self) -> Manifest | None:
        """Of the snapshot that is published, while another one is served because it is being opened; None when there is
        none."""
        if self._awaited is None and self._stamp() == self._published:
            return None
        name = self._live_name()
        try:
            return None if name is None else self._layout.snapshot(name).read_manifest()
        except (SnapshotError, OSError):
            return None  # opening it will report why

    def close(self) -> None:
        """Closes connections to other machines."""

    @property
    def overlay_size(self) -> int:
        """Articles that are served from changes since the snapshot."""
        return len(self._changed)

    def _stamp(self) -> object:
        """Changes whenever another snapshot may be live."""
        try:
            status = os.stat(self._current)  # noqa: PTH116  # before every answer, and a third of Path.stat's time
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _live_name(self) -> str | None:
        return current_name(self._layout)

    def _published_names(self) -> list[str]:
        return published_names(self._layout)

    def _read(self, name: str) -> Snapshot:
        return open_verified(self._layout, name, remember=self._serving)

    def _follow(self, stamp: object) -> None:
        """Switches to the published snapshot once it is verified."""
        if self._awaited is not None and self._awaited.opened.done():
            (awaited, opened), self._awaited = self._awaited, None
            if awaited == stamp:  # otherwise another one was published since
                self._switch(opened.result)
        if stamp == self._published or self._awaited is not None:
            return
        name = self._live_name()
        warm = self.warmer() if self._serving and name is not None and self._is_later(name) else None
        if self._serving and name is not None and (warm is not None or not self._is_known(name)):
            logger.info("verifying snapshot %s", name)
            self._awaited = Awaited(stamp, beside(lambda: self._open(name, warm)))
        else:
            self._switch(lambda: self._open(name))
        self._published = stamp

    def _switch(self, opened: Callable[[], Opened]) -> None:
        try:
            self._view, self._changed, self._kept = opened()
            self.problem = None
        except StoreError:
            self._published = None  # it is tried again when the store can be read
            raise
        except Exception as problem:  # any read error: the current view stays valid
            self.problem = f"still serving snapshot {self._view.snapshot.manifest.name}: {problem}"
            logger.error("keeping snapshot %s: %s", self._view.snapshot.manifest.name, problem)

    def _is_later(self, name: str) -> bool:
        """Whether a snapshot's revision is at least that of the one served; a rollback to an older one is switched to
        at once."""
        try:
            return self._layout.snapshot(name).read_manifest().revision >= self._view.snapshot.manifest.revision
        except (SnapshotError, OSError):
            return False  # opening it tells at once what is wrong with it

    def _is_known(self, name: str) -> bool:
        """Whether it was verified before, so that opening it is fast."""
        try:
            return is_stamped(self._layout, name)
        except SnapshotError:
            return True  # opening it tells at once what is wrong with its name

    def _open_any(self) -> Opened:
        """The published snapshot or, where that cannot be used, the latest before it that can."""
        published = self._live_name()
        before = [name for name in reversed(self._published_names()) if name != published]
        try:
            opened = self._open(published)
        except SnapshotError as problem:
            for name in before:
                try:
                    opened = self._open(name)
                except SnapshotError as other:
                    logger.warning("snapshot %s cannot be served instead: %s", name, other)
                    continue
                self.problem = f"serving snapshot {name} instead: {problem}"
                logger.error("serving snapshot %s instead: %s", name, problem)
                return opened
            raise
        self.problem = None
        return opened

    def _open(self, name: str | None, warm: Callable[[View], object] | None = None) -> Opened:
        if name is None:
            raise SnapshotError(f"{self._layout.root} holds no published snapshot; run recommend reindex")
        snapshot = self._read(name)
        view = unchanged(snapshot)
        changed: dict[str, Prepared] = {}
        change_set = self._store.changes.read(view.revision, 0, snapshot.manifest.encoder)
        if change_set.rolled_back:
            raise SnapshotError(
                f"snapshot {name} holds revision {snapshot.manifest.revision}, which a restore of the store undid; "
                "run recommend reindex"
            )
        kept = KeptChanges(self._layout, snapshot.manifest)
        opened = Opened(apply(view, changed, change_set, kept, kept.read()), changed, kept)
        if warm is not None:
            warm(opened.view)
        return opened

    def _keep(self) -> None:
        """Keeps what was prepared of the changes, in a thread of its own, where others wait for answers."""
        self._changes = 0
        if self._serving and len(self._changed) >= MANY:
            Thread(target=self._kept.keep, args=([*self._changed.values()],), name="changes", daemon=True).start()


def beside(work: Callable[[], T]) -> Future[T]:
    """What becomes of work in a thread that no exit of the process waits for."""
    future = Future[T]()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as problem:  # whoever asks for the result meets it
            future.set_exception(problem)

    Thread(target=run, name="snapshot", daemon=True).start()
    return future
