"""What changes an index folder: one job at a time publishes, prunes and removes snapshots."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from recommend.errors import SnapshotError, truncated_repr
from recommend.files import file_sha256, replace_file
from recommend.index.lists import prune_lists
from recommend.index.snapshot.catalog import current_name, published_names
from recommend.index.snapshot.kept import prune_kept
from recommend.index.snapshot.layout import EXPOSURE, IndexLayout, Manifest, is_name
from recommend.index.snapshot.open import confirm
from recommend.index.snapshot.stamps import drop_stamps

_PATIENCE = 0.2  # seconds: whoever only looks whether the lock is held lets go at once


def add_exposure(layout: IndexLayout, name: str, preferred: NDArray[np.int32]) -> Manifest:
    """Puts into a snapshot that nobody reads yet which row each article's box prefers, (n,), −1 for none; its
    manifest from now on."""
    parts, content = layout.snapshot(name), BytesIO()
    np.save(content, preferred)
    replace_file(parts.exposure, content.getvalue())
    manifest = parts.read_manifest()
    manifest = manifest.model_copy(update={"sha256": manifest.sha256 | {EXPOSURE: file_sha256(parts.exposure)}})
    replace_file(parts.manifest, manifest.content)
    return manifest


def publish(layout: IndexLayout, name: str) -> None:
    """Makes a snapshot the live one: readers see the old one or this one, never anything between.

    Raises:
        SnapshotError: when it fails verification.
    """
    confirm(layout, name)
    point_to(layout, name)


def point_to(layout: IndexLayout, name: str) -> None:
    """The last step of :func:`publish` alone, for a snapshot that was just verified."""
    before = [one for one in published_names(layout) if one != name and layout.snapshot(one).root.exists()]
    replace_file(layout.published, "".join(f"{one}\n" for one in (*before, name)).encode())
    replace_file(layout.current, f"{name}\n".encode())


def note_store(layout: IndexLayout, identity: str) -> None:
    """Notes of which store the snapshots are, by its identity."""
    replace_file(layout.store, f"{identity}\n".encode())


def prune(layout: IndexLayout, keep: int, needed: Collection[str] = ()) -> list[str]:
    """Removes all but the ``keep`` newest snapshots (the live one always stays, and so do those ``needed``) and what
    killed builds left. What no job put there stays: links, say.

    Returns:
        The names removed.
    """
    live = current_name(layout)
    for leftover in layout.snapshots.glob(".*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for leftover in layout.unfinished():
        leftover.unlink(missing_ok=True)
    others = [path for path in layout.snapshots.iterdir() if path.name != live and _is_snapshot(path)]
    newest_first = sorted(others, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    removed = [path.name for path in newest_first[max(keep - 1, 0) :] if path.name not in needed]
    for name in removed:
        remove(layout, name)
    drop_stamps(layout)
    prune_lists(layout)
    prune_kept(layout)
    return removed


def _is_snapshot(path: Path) -> bool:
    """Whether it was put here by a job: links and whatever else lies among the snapshots are nobody's to remove."""
    return is_name(path.name) and not path.is_symlink() and path.is_dir()


def remove(layout: IndexLayout, name: str) -> None:
    """Removes a snapshot; readers that have it open keep what they have."""
    shutil.rmtree(layout.snapshot(name).root.rename(layout.snapshots / f".removed-{name}"))


@contextmanager
def locked(layout: IndexLayout) -> Iterator[None]:
    """Keeps a second writing job out of the index folder while the block runs.

    Raises:
        SnapshotError: when another job holds it.
    """
    layout.root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(layout.lock, timeout=_PATIENCE):
            yield
    except Timeout:
        raise SnapshotError(f"another job is writing {truncated_repr(Path(layout.root))}; wait for it to end") from None
