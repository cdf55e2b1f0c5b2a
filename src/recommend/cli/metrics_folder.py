"""The folder through which the workers of one service share their counts."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from filelock import FileLock, Timeout

from recommend.cli.console import err

_PREFIX = "recommend-metrics-"
_LOCK = "service.lock"
_YOUNG = 60.0


@contextmanager
def metrics_folder() -> Iterator[Path | None]:
    """A folder for as long as the block runs; None where there is no room for one. Those that killed services of the
    same user have left are removed."""
    try:
        folder = Path(mkdtemp(prefix=_PREFIX))
    except OSError as problem:
        err.print(f"each worker keeps its own metrics: no folder for the shared ones ({problem})", markup=False)
        yield None
        return
    lock = FileLock(folder / _LOCK)
    try:
        with suppress(OSError):  # a full disk; the folder is young, and so another start leaves it alone for now
            lock.acquire(timeout=0)
        _remove_left()
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left() -> None:
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, Timeout):  # another user's, gone meanwhile, or of a service that runs
            status = folder.lstat()
            if folder.is_symlink() or status.st_uid != os.geteuid() or time.time() - status.st_mtime < _YOUNG:
                continue
            with FileLock(folder / _LOCK, timeout=0):
                shutil.rmtree(folder)
