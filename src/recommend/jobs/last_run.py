"""The outcome of the last batch job, in a small file beside the snapshots, so that a dead job is noticed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import orjson
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from recommend.errors import SnapshotError
from recommend.files import replace_file
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last job that held the lock of the index.

    Attributes:
        outcome: ``killed`` when it neither ended nor still runs.
        error: why it failed.
        snapshot: the one that was live when it ended well, and ``succeeded`` when the last job did so.
    """

    started: datetime
    finished: datetime | None = None
    outcome: Literal["running", "done", "failed", "killed"] = "running"
    error: str | None = None
    snapshot: str | None = None
    succeeded: datetime | None = None


_FORMAT = TypeAdapter(LastRun)


def read_last_run(layout: IndexLayout) -> LastRun | None:
    """The outcome of the last job, None before the first.

    Raises:
        SnapshotError: when the file is malformed.
    """
    try:
        run = _FORMAT.validate_json(layout.last_run.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as problem:
        raise SnapshotError(f"{layout.last_run} is malformed: {problem.errors()[0]['msg']}; delete it") from None
    return replace(run, outcome="killed") if run.outcome == "running" and not is_locked(layout) else run


@contextmanager
def recorded(layout: IndexLayout) -> Iterator[None]:
    """Notes when the block begins, and how it ends."""
    try:
        before = read_last_run(layout)
    except SnapshotError as problem:
        logger.warning("%s", problem)
        before = None
    run = LastRun(datetime.now(UTC))
    if before is not None:
        run = replace(run, snapshot=before.snapshot, succeeded=before.succeeded)
    _write(layout, run)
    try:
        yield
    except BaseException as problem:
        error = str(problem) or type(problem).__name__
        try:
            _write(layout, replace(run, finished=datetime.now(UTC), outcome="failed", error=error))
        except OSError as also:
            logger.error("%s was not written: %s", layout.last_run, also)
        raise
    now = datetime.now(UTC)
    _write(layout, replace(run, finished=now, outcome="done", snapshot=current_name(layout), succeeded=now))


def _write(layout: IndexLayout, run: LastRun) -> None:
    replace_file(layout.last_run, orjson.dumps(asdict(run), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def is_locked(layout: IndexLayout) -> bool:
    """Whether a job is at work on the index; creates nothing to find out."""
    if not layout.lock.exists():
        return False
    try:
        with FileLock(layout.lock, timeout=0):
            return False
    except (Timeout, OSError):  # OSError: no permission to try, so nobody can tell
        return True
