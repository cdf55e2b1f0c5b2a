"""Starts a re-index, or logs that one is due, once much has changed since the last snapshot."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from random import Random

from recommend.errors import RecommendError
from recommend.jobs.status import Status
from recommend_service.state import ServiceState

SECONDS = 60.0
"""Between two looks, on average: workers look at different times."""

_JOB = "from recommend.cli.main import main; main()"
_RUNNING = "running"

logger = logging.getLogger(__name__)


class ReindexWatch:
    """Looks at the status from time to time. Answers stay right without it: they slow down as changes pile up."""

    def __init__(self, state: ServiceState, seconds: float = SECONDS) -> None:
        self.state = state
        self.seconds = seconds
        self._asked: str | None = None
        self._random = Random()  # noqa: S311  # spreads, hides nothing

    async def watch(self) -> None:
        """Looks until it is cancelled; a job that it started is then ended, which leaves the live snapshot as it is."""
        while True:
            await asyncio.sleep(self.seconds * self._random.uniform(0.5, 1.5))
            try:
                status = await self.state.status(None)
            except RecommendError as problem:
                logger.error("cannot check whether a re-index is due: %s", problem)
                continue
            if status.due and status.snapshot != self._asked:
                await self._ask(status)

    async def _ask(self, status: Status) -> None:
        """Once for each snapshot, so that a job that fails is not started over and over."""
        starts = self.state.settings.service.reindex
        if starts and status.last_run is not None and status.last_run.outcome == _RUNNING:
            return
        self._asked = status.snapshot
        what = "starting recommend reindex" if starts else "run recommend reindex"
        logger.warning("%d articles changed since snapshot %s: %s", status.changed, status.snapshot, what)
        if starts:
            await self._start()

    async def _start(self) -> None:
        job = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _JOB, "reindex"),
            env={**os.environ, **self.state.settings.environment()},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, output = await job.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                job.terminate()
            await job.communicate()
            raise
        if job.returncode:
            logger.error("recommend reindex ended with %d: %s", job.returncode, output.decode(errors="replace").strip())
