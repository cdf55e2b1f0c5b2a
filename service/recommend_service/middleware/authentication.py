"""Who asks: bearer keys, looked up in the store and in the settings by their SHA-256, and on the desk its sessions."""

from __future__ import annotations

from hashlib import sha256

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from recommend.errors import StoreError
from recommend.settings import ServiceSettings
from recommend.store.keys import Key
from recommend_service.http.problems import known_problem
from recommend_service.http.sessions import on_desk, session_token
from recommend_service.middleware.limits import UNLIMITED
from recommend_service.state import ServiceState


class Authentication:
    """Finds out once for each request whose key it carries, for limits, routes and the audit trail.

    ``request.state.key`` is then the valid :class:`Key` or None, ``request.state.key_name`` its name or None. On the
    desk a session stands in for its key; ``request.state.session`` is its token then.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = app
        self._unasked = UNLIMITED if settings.operations == "open" else frozenset({"/healthz"})

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            key, known = None, scope.setdefault("state", {})
            token = _bearer_token(scope)
            try:
                if token is not None and scope["path"] not in self._unasked:
                    key = await scope["app"].state.service.find_key(sha256(token).digest())
                elif on_desk(scope) and (cookie := session_token(scope)):
                    key = await _of_session(scope["app"].state.service, cookie)
                    known["session"] = cookie
            except StoreError as problem:
                await known_problem(problem)(scope, receive, send)
                return
            known.update(key=key, key_name=None if key is None else key.name)
        await self.app(scope, receive, send)


async def _of_session(state: ServiceState, token: str) -> Key | None:
    """The key that a session was opened with, as long as both hold."""
    session = await state.read(state.store.sessions.find, token)
    return None if session is None else await state.find_key(session.key_hash)


def _bearer_token(scope: Connection) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            return bytes(token.strip()) if scheme.lower() == b"bearer" else None
    return None
