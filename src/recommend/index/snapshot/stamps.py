"""Which snapshots were verified: a stamp for each, which holds as long as no file of the snapshot was touched."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import orjson

from recommend.files import replace_file
from recommend.index.snapshot.layout import IndexLayout

_CHECKS = 1  # another number when more is checked: what was verified by less is verified again

logger = logging.getLogger(__name__)


def stamp_of(layout: IndexLayout, name: str) -> bytes:
    """What tells the files of a snapshot from all others, without reading them: the inode, size, and times of the last
    changes of content and of inode of each. The last of these is nobody's to set, so that no copy has it.

    Raises:
        SnapshotError: for what is no name.
        OSError: when the folder cannot be read.
    """
    root = layout.snapshot(name).root
    files = {path: os.lstat(path) for path in _files(str(root))}
    stats = {
        os.path.relpath(path, root): (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in files.items()
    }
    return orjson.dumps({"checks": _CHECKS, "files": stats}, option=orjson.OPT_SORT_KEYS)


def is_stamped(layout: IndexLayout, name: str) -> bool:
    """Whether a snapshot was verified on this machine and is as it was then.

    Raises:
        SnapshotError: for what is no name.
    """
    try:
        return stamp_path(layout, name).read_bytes() == stamp_of(layout, name)
    except OSError:
        return False


def keep_stamp(layout: IndexLayout, name: str, stamp: bytes) -> None:
    """Notes that the files were verified that ``stamp`` tells of. Where the index may not be written to, each process
    verifies for itself."""
    try:
        layout.verified.mkdir(exist_ok=True)
        replace_file(stamp_path(layout, name), stamp)
    except OSError as problem:
        logger.info("each process verifies snapshot %s for itself: %s", name, problem)


def drop_stamps(layout: IndexLayout) -> None:
    """Removes the stamps of snapshots that are gone, and what killed processes left of others."""
    if layout.verified.is_dir():
        for path in layout.verified.iterdir():
            if not (layout.snapshots / path.name).is_dir():
                path.unlink(missing_ok=True)


def stamp_path(layout: IndexLayout, name: str) -> Path:
    """The file with the stamp of a snapshot."""
    return layout.verified / layout.snapshot(name).root.name


def _files(folder: str) -> list[str]:
    paths = list[str]()
    with os.scandir(folder) as entries:
        for entry in entries:
            paths += _files(entry.path) if entry.is_dir(follow_symlinks=False) else [entry.path]
    return paths
