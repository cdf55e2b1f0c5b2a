"""Disk space for the files through which workers share their metrics.

prometheus_client maps files that grow when they are written to: on a full disk that ends the process with SIGBUS, which
nothing can catch. So each worker's files get all their room before they are mapped, or the worker keeps its own
metrics.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MOST_SERIES = 200
"""Combinations of labels of the histogram, for which there is room."""

_ROOM = {"histogram": 2**20, "counter": 2**16}

logger = logging.getLogger(__name__)


def reserve() -> None:
    """Makes this process's files in the folder that the environment names; takes that name away where it cannot.

    To be called before prometheus_client is imported, which looks for the name once.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    try:
        for kind, size in _ROOM.items():
            _allocate(Path(folder) / f"{kind}_{os.getpid()}.db", size)
    except OSError as problem:
        del os.environ[FOLDER]
        logger.warning("this worker keeps its own metrics: no disk space for the shared ones: %s", problem)


def _allocate(path: Path, size: int) -> None:
    with path.open("ab") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            path.unlink(missing_ok=True)
            raise
