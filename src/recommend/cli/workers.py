"""Worker processes of the service: kept running, and each end told."""

from __future__ import annotations

import signal
import socket
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


def run_workers(app: str, *, own: str | None = None, **options: Any) -> None:
    """What ``uvicorn.run`` does, with the same options.

    Args:
        app: where the app factory is.
        own: IP:PORT to listen on as well, for those who operate the service.
        options: of :class:`uvicorn.Config`.
    """
    config = uvicorn.Config(app, **options)
    sockets = [config.bind_socket()]
    if own is not None:
        host, _, port = own.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sockets.append(socket.create_server((host, int(port)), family=family))
        sockets[-1].set_inheritable(True)
    if config.workers == 1:
        uvicorn.Server(config).run(sockets=sockets)
    else:
        Workers(config, sockets=sockets).run()


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
