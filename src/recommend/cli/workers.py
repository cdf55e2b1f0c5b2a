"""Worker processes of the service: kept running, and each end told."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import uvicorn
from uvicorn.supervisors import Multiprocess

from recommend.cli.app import FAILED
from recommend.errors import SettingsError


class Workers(Multiprocess):
    """uvicorn's supervisor, which replaces in silence what ended or, as it does not answer, is ended by it."""

    def keep_subprocess_alive(self) -> None:
        """Looks after each worker; a line of JSON on standard error tells of each that is replaced."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if old is not new:
                _tell(f"worker {old.pid} ended {_how(old.exitcode)}, restarted as worker {new.pid}")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        SettingsError: it cannot, because the port is taken, or the address is not this machine's.
    """
    try:
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except OSError as problem:
        bound.close()
        if problem.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} of {host} is in use by another program: end that one, or give another with --port"
            ) from None
        raise SettingsError(f"{host} port {port} cannot be listened on: {problem.strerror}") from None
    bound.set_inheritable(True)
    return bound


def run_workers(app: str, bound: socket.socket, *, own: str | None = None, **options: Any) -> None:
    """What ``uvicorn.run`` does, with the same options, at a socket that listens.

    Args:
        app: where the app factory is.
        bound: where readers ask.
        own: IP:PORT to listen on as well, for those who operate the service.
        options: of :class:`uvicorn.Config`.

    Raises:
        SettingsError: ``own`` cannot be listened on.
    """
    config = uvicorn.Config(app, **options)
    sockets = [bound]
    if own is not None:
        host, _, port = own.rpartition(":")
        sockets.append(listen(host.strip("[]"), int(port)))
    if config.workers > 1:
        Workers(config, sockets=sockets).run()
        return
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # which uvicorn raises once more when it has ended well
        server.run(sockets=sockets)
    if not server.started:
        sys.exit(FAILED)


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
