"""What holds now: the published snapshot and everything that changed in the store since."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import CLOCK_SKEW, Status
from recommend.articles.curation import UNREADABLE, Curation
from recommend.errors import SnapshotError, StoreError
from recommend.index.segment import Prepared, Segment
from recommend.index.snapshot.catalog import current_name, published_names
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import Snapshot, open_verified
from recommend.index.snapshot.stamps import is_stamped
from recommend.store import Store
from recommend.store.rows import Change, ChangeSet, told, vector_fault

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
T = TypeVar("T")

_MOST_RECENT = 256
_CURATION = "its curation cannot be read: it is hidden until editors put another"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """One consistent state of everything that can be recommended. Immutable: a change makes a new view.

    Attributes:
        segments: the snapshot's, then those of later changes; each article is alive in at most one of them.
        alive: per segment (n,) which rows are neither changed since nor taken down; None when all are.
        revision: of the store up to which changes are applied.
        curations: of every article that has one, by id.
        hidden: per segment the rows (h,) that editors hide, and until when (h,), float64 seconds since 1970.
        set_aside: why published articles are in no segment, by id: what the store holds of them cannot be used.
    """

    snapshot: Snapshot
    segments: tuple[Segment, ...]
    alive: tuple[BoolArray | None, ...]
    revision: int
    curations: dict[str, Curation] = field(default_factory=dict)
    hidden: tuple[tuple[IntArray, NDArray[np.float64]], ...] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled without what the snapshot's files hold: whoever unpickles it maps those again."""
        later = self.segments[1:], self.alive, self.revision, self.curations, self.hidden, self.set_aside
        return _on, (self.snapshot, *later)

    def __len__(self) -> int:
        counts = zip(self.segments, self.alive, strict=True)
        return sum(len(segment) if alive is None else int(np.count_nonzero(alive)) for segment, alive in counts)

    def ids(self) -> Iterator[str]:
        """The ids of all articles that can be recommended."""
        for segment, alive in zip(self.segments, self.alive, strict=True):
            rows = range(len(segment)) if alive is None else np.flatnonzero(alive)
            yield from (segment.table.id(int(row)) for row in rows)

    def shown(self, number: int, now: float) -> BoolArray | None:
        """(n,) which rows of a segment editors do not hide ``now``, in seconds since 1970; None when they hide none."""
        rows, until = self.hidden[number]
        hidden = rows[now < until]
        if not len(hidden):
            return None
        mask = np.ones(len(self.segments[number]), np.bool_)
        mask[hidden] = False
        return mask

    def next_change_at(self, now: float) -> float | None:
        """The first moment after ``now`` (seconds since 1970) at which time alone may change an answer; None: never.

        Whatever is shown or hidden by the clock has its say here: answers are cached until then.
        """
        embargo = int(now) + int(CLOCK_SKEW.total_seconds())
        moments: list[float | None] = [
            segment.table.timeline.next_change_at(int(now), embargo) for segment in self.segments
        ]
        for curation in self.curations.values():
            ends = [curation.hidden_until, *(one.until for one in (*curation.pinned, *curation.blocked))]
            moments += [end.timestamp() for end in ends if end is not None and end.timestamp() > now]
        return min((moment for moment in moments if moment is not None), default=None)

    def first_published(self, since: int) -> int | None:
        """The earliest date of publication from ``since`` (seconds since 1970) on, of articles alive or replaced; None
        when there is none."""
        found = (segment.table.timeline.first_published(since) for segment in self.segments)
        return min((first for first in found if first is not None), default=None)

    def locate(self, article_id: str) -> tuple[int, int] | None:
        """The segment and row of a published article, None when there is none of this id."""
        for number, (segment, alive) in enumerate(zip(self.segments, self.alive, strict=True)):
            row = segment.table.row(article_id)
            if row is not None and (alive is None or alive[row]):
                return number, row
        return None


class FixedView:
    """A view that follows no change: what rows that must agree with each other are made from."""

    problem: str | None = None
    overlay_size = 0

    def __init__(self, view: View) -> None:
        self._view = view

    def refresh(self) -> View:
        """The view, always the same."""
        return self._view


class SnapshotView(FixedView):
    """One snapshot as it was built, without what changed since: what a comparison of two looks through."""

    def __init__(self, layout: IndexLayout, name: str) -> None:
        """
        Raises:
            SnapshotError: when the snapshot is missing or cannot be opened.
        """
        view = _unchanged(open_verified(layout, name))
        super().__init__(_hide(view, view))


class Opened(NamedTuple):
    """A view and all articles of its later segments by id."""

    view: View
    changed: dict[str, Prepared]


class Awaited(NamedTuple):
    """A snapshot that is verified and opened while another one is served: which, by the stamp of ``CURRENT``."""

    stamp: tuple[int, int] | None
    opened: Future[Opened]


class LiveView:
    """Keeps a view up to date with the store and the index folder.

    No snapshot is opened that was not verified on this machine as it is.

    Attributes:
        problem: why the published snapshot is not the one that is served, None when it is.
    """

    def __init__(self, store: Store, layout: IndexLayout, *, serving: bool = False) -> None:
        """Opens the published snapshot and applies the changes since. Where it is damaged, or a restore undid it, the
        one that was published before it stands in, with all changes since.

        Args:
            store: the truth.
            layout: the index folder.
            serving: whether others wait for answers: a snapshot that nobody on this machine has verified yet is then
                verified, and opened, by a thread of its own while the one before is served, and it is noted beside the
                snapshots that it was. Otherwise whoever looks waits, and nothing is written.

        Raises:
            SnapshotError: when none is published or none of those that were can be opened.
        """
        self._store = store
        self._layout = layout
        self._serving = serving
        self._current = str(layout.current)
        self._lock = Lock()
        self._published = self._stamp()
        self._awaited: Awaited | None = None
        self.problem: str | None = None
        self._view, self._changed = self._open_any()

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
                    self._view, self._changed = self._open_any()
                else:
                    self._view = _apply(self._view, self._changed, change_set)
            return self._view

    @property
    def overlay_size(self) -> int:
        """Articles that are served from changes since the snapshot."""
        return len(self._changed)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._current)  # noqa: PTH116  # before every answer, and a third of Path.stat's time
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _follow(self, stamp: tuple[int, int] | None) -> None:
        """Goes over to the published snapshot as soon as it is known to be whole."""
        if self._awaited is not None and self._awaited.opened.done():
            (awaited, opened), self._awaited = self._awaited, None
            if awaited == stamp:  # else another one has been published since
                self._switch(opened.result)
        if stamp == self._published or self._awaited is not None:
            return
        name = current_name(self._layout)
        if self._serving and name is not None and not self._is_stamped(name):
            logger.info("verifying snapshot %s", name)
            self._awaited = Awaited(stamp, beside(lambda: self._open(name)))
        else:
            self._switch(lambda: self._open(name))
        self._published = stamp

    def _switch(self, opened: Callable[[], Opened]) -> None:
        try:
            self._view, self._changed = opened()
            self.problem = None
        except StoreError:
            self._published = None  # it is tried again when the store can be read
            raise
        except Exception as problem:  # whatever reading a file can come to: the view that there is stays good
            self.problem = f"still serving snapshot {self._view.snapshot.manifest.name}: {problem}"
            logger.error("keeping snapshot %s: %s", self._view.snapshot.manifest.name, problem)

    def _is_stamped(self, name: str) -> bool:
        try:
            return is_stamped(self._layout, name)
        except SnapshotError:
            return True  # opening it tells at once what is wrong with its name

    def _open_any(self) -> Opened:
        """The published snapshot or, where that cannot be used, the latest before it that can."""
        published = current_name(self._layout)
        before = [name for name in reversed(published_names(self._layout)) if name != published]
        try:
            opened = self._open(published)
        except SnapshotError as problem:
            for name in before:
                try:
                    opened = self._open(name)
                except SnapshotError as other:
                    logger.warning("snapshot %s does not stand in: %s", name, other)
                    continue
                self.problem = f"serving snapshot {name} instead: {problem}"
                logger.error("serving snapshot %s instead: %s", name, problem)
                return opened
            raise
        self.problem = None
        return opened

    def _open(self, name: str | None) -> Opened:
        if name is None:
            raise SnapshotError(f"{self._layout.root} holds no published snapshot; run recommend reindex")
        snapshot = open_verified(self._layout, name, remember=self._serving)
        view = _unchanged(snapshot)
        changed: dict[str, Prepared] = {}
        change_set = self._store.changes.read(view.revision, 0, snapshot.manifest.encoder)
        if change_set.rolled_back:
            raise SnapshotError(
                f"snapshot {name} holds revision {snapshot.manifest.revision}, which a restore of the store undid; "
                "run recommend reindex"
            )
        return Opened(_apply(view, changed, change_set), changed)


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


def _on(snapshot: Snapshot, segments: tuple[Segment, ...], *others: Any) -> View:
    """The view of a snapshot and later segments."""
    return View(snapshot, (snapshot.segment, *segments), *others)


def _unchanged(snapshot: Snapshot) -> View:
    manifest = snapshot.manifest
    return View(snapshot, (snapshot.segment,), (None,), manifest.revision, set_aside=manifest.set_aside)


def _apply(view: View, changed: dict[str, Prepared], change_set: ChangeSet) -> View:
    """The view after ``change_set``; ``changed``, all articles of the later segments by id, is brought along."""
    after = _change_articles(view, changed, change_set.changes)
    curations = {i: curation for i, curation in (view.curations | change_set.curations).items() if curation is not None}
    aside = {i: why for i, why in after.set_aside.items() if why != _CURATION}
    aside |= {i: _CURATION for i, curation in curations.items() if curation == UNREADABLE}
    return _hide(view, replace(after, curations=curations, revision=change_set.revision, set_aside=aside))


def _hide(before: View, view: View) -> View:
    """The view with the rows of its hidden articles, looked up only where segments or hidden articles are others."""
    until = _hidden_until(view.curations)
    same = until == _hidden_until(before.curations)
    known = zip(before.segments, before.hidden, strict=False) if same else ()
    found = {id(segment): rows for segment, rows in known}
    hidden = (found[id(s)] if id(s) in found else _hidden_rows(s, until) for s in view.segments)
    return replace(view, hidden=tuple(hidden))


def _hidden_until(curations: Mapping[str, Curation]) -> dict[str, float]:
    """Until when, past moments too: the clock may yet be set back, and is asked when answers are made."""
    moments = {article_id: curation.hidden_until for article_id, curation in curations.items()}
    return {article_id: moment.timestamp() for article_id, moment in moments.items() if moment is not None}


def _hidden_rows(segment: Segment, until: Mapping[str, float]) -> tuple[IntArray, NDArray[np.float64]]:
    places = {article_id: segment.table.row(article_id) for article_id in until}
    found = [(row, until[article_id]) for article_id, row in places.items() if row is not None]
    return np.array([row for row, _ in found], np.int64), np.array([moment for _, moment in found], np.float64)


def _change_articles(view: View, changed: dict[str, Prepared], changes: list[Change]) -> View:
    """The view's articles after ``changes``.

    The last segment holds the most recent changes and is made anew each time; once it has grown, it is merged with
    all the others into one, so that the cost of a change stays small and so does the number of segments.
    """
    if not changes:
        return view
    touched = [change.article_id for change in changes]
    for article_id in touched:
        changed.pop(article_id, None)
    gone = frozenset(touched)
    published, aside = dict[str, Prepared](), {i: why for i, why in view.set_aside.items() if i not in gone}
    for change in changes:
        prepared = _prepared(view.snapshot, change)
        if isinstance(prepared, str):
            aside[change.article_id] = prepared
            logger.error("article %r is set aside: %s", change.article_id, prepared)
        elif prepared is not None:
            published[change.article_id] = prepared
    changed.update(published)
    segments, recent = list(view.segments), published
    if len(segments) > 1:
        last = segments.pop().table
        recent = {i: changed[i] for i in map(last.id, range(len(last))) if i in changed} | published
    if len(recent) > _MOST_RECENT:
        segments, recent = [*segments[:1], _segment(view, changed)], {}
        alive = [_without(segments[0], view.alive[0], touched), None]
    else:
        alive = [_without(s, a, touched) for s, a in zip(segments, view.alive[: len(segments)], strict=True)]
    return replace(
        view,
        segments=(*segments, _segment(view, recent)),
        alive=(*alive, None),
        set_aside=aside,
    )


def _prepared(snapshot: Snapshot, change: Change) -> Prepared | str | None:
    """A changed article as the snapshot's own are; None when it is not published, or why it cannot be used."""
    article, embedding, dimension = change.article, change.embedding, snapshot.manifest.dimension
    if change.fault is not None or article is None or article.status != Status.PUBLISHED:
        return change.fault
    fault = None if embedding is None else vector_fault(embedding, dimension)
    if fault is not None:
        return fault
    try:
        return snapshot.prepare(article, np.zeros(dimension, np.float32) if embedding is None else embedding)
    except Exception as problem:  # one article's text costs no other its place
        return told(problem)


def _segment(view: View, changed: dict[str, Prepared]) -> Segment:
    return Segment.of(changed.values(), view.snapshot.segment)


def _without(segment: Segment, alive: BoolArray | None, ids: list[str]) -> BoolArray | None:
    rows = [row for row in map(segment.table.row, ids) if row is not None]
    if not rows:
        return alive
    remaining = np.ones(len(segment), np.bool_) if alive is None else alive.copy()
    remaining[rows] = False
    return remaining
