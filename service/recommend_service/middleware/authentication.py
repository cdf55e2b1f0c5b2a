"""Who asks: bearer keys, looked up in the store and in the settings by their SHA-256."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from recommend.errors import StoreError
from recommend.settings import ServiceSettings
from recommend.store.keys import Key, Scope
from recommend_service.http.problems import known_problem
from recommend_service.middleware.limits import UNLIMITED
from recommend_service.state import ServiceState


class Authentication:
    """Finds out once for each request whose key it carries, for limits, routes and the audit trail.

    ``request.state.key`` is then the valid :class:`Key` or None, ``request.state.key_name`` its name or None. Keys of
    the setting ``service.api_keys`` have every scope and are named ``settings:`` and the first 8 digits of their hash.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = app
        now = datetime.now(UTC)
        self._of_settings = [
            (bytes.fromhex(known), Key(f"settings:{known[:8].lower()}", frozenset(Scope), now))
            for known in settings.api_keys
        ]
        self._unasked = UNLIMITED if settings.operations == "open" else frozenset({"/healthz"})

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            key = None
            token = _bearer_token(scope)
            if token is not None and scope["path"] not in self._unasked:
                try:
                    key = await self._find(scope["app"].state.service, sha256(token).digest())
                except StoreError as problem:
                    await known_problem(problem)(scope, receive, send)
                    return
            scope.setdefault("state", {}).update(key=key, key_name=None if key is None else key.name)
        await self.app(scope, receive, send)

    async def _find(self, state: ServiceState, hashed: bytes) -> Key | None:
        match = None
        for known, key in self._of_settings:
            if hmac.compare_digest(known, hashed):
                match = key
        return match or await state.read(state.store.keys.find, hashed)


def _bearer_token(scope: Connection) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            return bytes(token.strip()) if scheme.lower() == b"bearer" else None
    return None
