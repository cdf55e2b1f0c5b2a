"""Worker processes of the service: kept running, and each end told."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import uvicorn
from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    """uvicorn's supervisor, which replaces in silence what ended or, as it does not answer, is ended by it."""

    def keep_subprocess_alive(self) -> None:
        """Looks after each worker; a line of JSON on standard error tells of each that is replaced."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                _tell(f"worker {old.pid} ended {_how(old.exitcode)}, restarted as worker {new.pid}")


def run_workers(app: str, **options: Any) -> None:
    """What ``uvicorn.run`` does for several workers, with the same options."""
    config = uvicorn.Config(app, **options)
    Workers(config, sockets=[config.bind_socket()]).run()


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"with exit code {code}"
    if code == -signal.SIGKILL:
        return "by SIGKILL: killed for memory or by hand, or for not answering within five seconds"
    return f"by {signal.Signals(-code).name}"


def _tell(message: str) -> None:
    now = datetime.now(UTC).isoformat()
    line = {"level": "ERROR", "name": "recommend.workers", "message": message, "request_id": None, "timestamp": now}
    if sys.stderr is not None:
        sys.stderr.write(f"{orjson.dumps(line).decode()}\n")
        sys.stderr.flush()
