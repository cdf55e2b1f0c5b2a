"""The snapshots of an index folder, newest first, and which of them a rollback goes back to."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from recommend.errors import SnapshotError, truncated_repr
from recommend.index.snapshot.layout import IndexLayout, Manifest, is_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """One snapshot of the index folder.

    Attributes:
        live: whether it is the one that readers are answered from.
        age: seconds since it was built; None, as ``manifest``, when the manifest cannot be read.
        problem: why it cannot be read, None when it can.
    """

    name: str
    live: bool
    age: float | None
    manifest: Manifest | None
    problem: str | None


def current_name(layout: IndexLayout) -> str | None:
    """The name of the live snapshot, None before the first is published."""
    try:
        return layout.current.read_text(encoding="utf-8", errors="replace").strip() or None
    except FileNotFoundError:
        return None


def published_names(layout: IndexLayout) -> list[str]:
    """The names of the snapshots that are or were live, the latest last."""
    try:
        lines = layout.published.read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return []
    return [line for line in lines if is_name(line)]


def is_of(layout: IndexLayout, store: str) -> bool:
    """Whether the snapshots are of the store of an identity, as far as anything tells: a store that was begun anew
    hands out the same revisions again."""
    try:
        return layout.store.read_text(encoding="utf-8", errors="replace").strip() in {store, ""}
    except FileNotFoundError:
        return True


def live_manifest(layout: IndexLayout) -> Manifest | None:
    """The live snapshot's manifest, None when there is none that can be read."""
    name = current_name(layout)
    try:
        return None if name is None else layout.snapshot(name).read_manifest()
    except SnapshotError as problem:
        logger.warning("the live snapshot's manifest cannot be read: %s", problem)
        return None


def list_snapshots(layout: IndexLayout) -> list[Listed]:
    """All snapshots, newest first; those whose manifest cannot be read come last."""
    live, now = current_name(layout), datetime.now(UTC)
    snapshots: list[tuple[float, int, Listed]] = []
    for path in layout.snapshots.glob("[!.]*"):
        try:
            manifest = layout.snapshot(path.name).read_manifest()
        except SnapshotError as problem:
            snapshots.append((float("inf"), 0, Listed(path.name, path.name == live, None, None, str(problem))))
            continue
        age = (now - datetime.fromisoformat(manifest.created_at)).total_seconds()
        snapshots.append((age, -path.stat().st_mtime_ns, Listed(path.name, path.name == live, age, manifest, None)))
    return [listed for _, _, listed in sorted(snapshots, key=lambda item: (item[0], item[1], item[2].name))]


def previous_name(layout: IndexLayout) -> str:
    """The name of the readable snapshot that was live last before the live one and is older: none that was gone back
    from since.

    Raises:
        SnapshotError: when none is live or none is older.
    """
    live, published = current_name(layout), published_names(layout)
    names = [
        listed.name
        for listed in list_snapshots(layout)
        if listed.manifest is not None and (listed.live or listed.name in published)
    ]
    if live not in names:
        wrong = "no snapshot is live" if live is None else f"the live snapshot {truncated_repr(live)} cannot be read"
        raise SnapshotError(f"{wrong}: name one of {', '.join(names) or 'none'} to roll back to")
    older, before = names[names.index(live) + 1 :], published[: published.index(live)] if live in published else []
    latest = next((name for name in reversed(before) if name in older), None)
    if latest is None:
        raise SnapshotError(
            f"no published snapshot is older than {live}: name one, or raise indexing.keep to keep more of them"
        )
    return latest
