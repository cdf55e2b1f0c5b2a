"""Processes that a job spreads its work over."""

from __future__ import annotations

import multiprocessing
import os
import signal
from threading import Thread

from recommend.index.dense import set_threads


def begin_worker() -> None:
    """Makes of a spawned process a worker: one thread computes, and it ends with its parent, who alone heeds the
    keyboard."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    set_threads(1)


def _end_with_parent() -> None:
    """Without it a worker waits for ever for the orders of a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
