"""Connections that send nothing, or never the end of a request's head, and what a process can hold of them."""

from __future__ import annotations

import asyncio
import logging
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recommend.settings import ServiceSettings

SPARE = 256
"""Descriptors for files, databases and the process itself."""
HEAD_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

logger = logging.getLogger(__name__)


def raise_descriptors(connections: int) -> int:
    """Raises the limit on open files to what so many connections need, if the system lets it, for this process and
    those that it starts.

    Returns:
        The connections that there is room for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return connections if soft == resource.RLIM_INFINITY else min(connections, soft - SPARE)


class Connections:
    """Those of one process that wait for a request, the one that has waited longest first.

    One whose first request, or the rest of a head, does not come is closed after ``service.header_timeout``; one that
    was answered is left to uvicorn for ``service.idle_timeout``. Either is closed sooner when the process holds as
    many connections as it may: one that sends nothing never keeps out one that does.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.most = raise_descriptors(settings.max_connections)
        if self.most < settings.max_connections:
            logger.warning(
                "open files are limited to %d a process: %d connections are held, not %d; raise ulimit -n",
                *(self.most + SPARE, self.most, settings.max_connections),
            )
        self._seconds = settings.header_timeout
        self._waiting: dict[BoundedProtocol, float] = {}
        self._idle: dict[BoundedProtocol, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, connection: BoundedProtocol) -> None:
        """The connection waits for the head of a request from now on, if it did not before."""
        self._idle.pop(connection, None)
        if connection not in self._waiting:
            self._waiting[connection] = connection.loop.time() + self._seconds
            if self._timer is None:
                self._timer = connection.loop.call_later(self._seconds, self._close_late, connection.loop)

    def rest(self, connection: BoundedProtocol) -> None:
        """The connection was answered, and may send another request."""
        self._idle[connection] = None

    def waits_no_more(self, connection: BoundedProtocol) -> None:
        """The connection has sent the head of a request, or is lost."""
        self._waiting.pop(connection, None)
        self._idle.pop(connection, None)

    def make_room(self) -> bool:
        """Closes the connection that has waited longest, of those that were never answered first; False when none
        waits."""
        connection = next(iter(self._waiting), None) or next(iter(self._idle), None)
        if connection is None:
            return False
        self.waits_no_more(connection)
        connection.transport.abort()
        return True

    def _close_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for connection, until in list(self._waiting.items()):
            if until > now:
                self._timer = loop.call_at(until, self._close_late, loop)
                return
            del self._waiting[connection]
            connection.transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, for clients that need not be patient with us, nor we with them.

    uvicorn bounds the time between two requests of a connection, and neither that before the first nor that of a
    request's head, nor of a body that goes on after its answer.
    """

    _known: Connections
    _head = 0
    _tail = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for the first request."""
        super().connection_made(transport)
        self._known = self.app_state["connections"]
        if len(self.connections) > self._known.most and not self._known.make_room():
            transport.abort()
            return
        self._known.wait(self)

    def data_received(self, data: bytes) -> None:
        """Takes what came in; a head that is too large is refused before the rest of it is read."""
        if self._waits and self._head + len(data) > HEAD_LIMIT and not self._ends_in(data):
            self._known.waits_no_more(self)
            self.transport.write(_TOO_LARGE)
            self.transport.close()
            return
        super().data_received(data)
        if self._waits:
            self._head, self._tail = self._head + len(data), (self._tail + data)[-3:]
            self._known.wait(self)
        else:
            self._head, self._tail = 0, b""
            self._known.waits_no_more(self)

    def _ends_in(self, data: bytes) -> bool:
        return b"\r\n\r\n" in self._tail + data[: max(HEAD_LIMIT - self._head, 0)]

    @property
    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Rests until the next request, if none is there already."""
        super().on_response_complete()
        if self._waits and not self.transport.is_closing():
            self._known.rest(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._known.waits_no_more(self)
        super().connection_lost(exc)
