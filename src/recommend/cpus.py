"""How many cores there are to work on."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Those that this process may use, at least 1: on Linux by its affinity, elsewhere all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
