"""How a new snapshot compares with the live one, and when it is too bad to be published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recommend.errors import SnapshotError
from recommend.index.snapshot.catalog import live_manifest
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.settings import Settings


@dataclass(frozen=True, slots=True)
class Canary:
    """How the boxes of a new snapshot compare with those of the live one.

    Attributes:
        queries: articles in both whose boxes were compared.
        overlap: mean share of a box of ten that both give.
        empty_before, empty: shares of boxes with nothing in them, live and new.
        changed: the boxes that changed most.
        judged: measures against judgements, where there are any.
    """

    queries: int
    overlap: float
    empty_before: float
    empty: float
    changed: tuple[ChangedBox, ...] = ()
    judged: tuple[Judged, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangedBox:
    """One article's box under both snapshots.

    Attributes:
        overlap: the share of the box that both give.
        before, after: titles, best first.
    """

    article_id: str
    title: str
    overlap: float
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A measure of both snapshots over the same judged queries.

    Attributes:
        before, after: means.
        low, high: 95 % bootstrap interval of the mean difference; ``p_value`` of a paired randomisation test.
    """

    measure: str
    before: float
    after: float
    low: float
    high: float
    p_value: float


def compare_with_live(
    layout: IndexLayout,
    new: Manifest,
    settings: Settings,
    canary: Callable[[str, str], Canary | None],
    *,
    force: bool,
) -> Canary | None:
    """Holds a snapshot against the live one; raises when it is so much worse that something must have gone wrong."""
    live = live_manifest(layout)
    if live is None:
        return None
    way_out = "; the live one stays; look into it, then run recommend reindex --force"
    if not force and new.articles < live.articles * (1 - settings.indexing.verify_shrink):
        raise SnapshotError(
            f"snapshot of revision {new.revision}: it holds {new.articles} articles, {live.name} {live.articles}, "
            f"indexing.verify_shrink is {settings.indexing.verify_shrink}{way_out}"
        )
    built = live.base or live.name
    compared = canary(built, new.name) if layout.snapshot(built).articles.exists() else None
    if not force and compared and compared.empty - compared.empty_before > settings.indexing.verify_empty:
        raise SnapshotError(
            f"snapshot of revision {new.revision}: {compared.empty:.0%} of {compared.queries} boxes are empty, in "
            f"{live.name} {compared.empty_before:.0%}, indexing.verify_empty is {settings.indexing.verify_empty}"
            f"{way_out}"
        )
    return compared
