"""Who may write: bearer keys, known here by their SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

_bearer = HTTPBearer(auto_error=False, description="A key whose SHA-256 is in the setting service.api_keys")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def may_write(request: Request, credentials: _Credentials) -> bool:
    """Whether the request carries a valid key."""
    if credentials is None:
        return False
    given = hashlib.sha256(credentials.credentials.encode()).hexdigest()
    known = request.app.state.settings.service.api_keys
    return any([hmac.compare_digest(given, key.lower()) for key in known])


async def require_key(allowed: Annotated[bool, Depends(may_write)]) -> None:
    """Refuses requests without a valid key."""
    if not allowed:
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "this needs a valid key: Authorization: Bearer KEY, with the key's SHA-256 in service.api_keys",
            {"WWW-Authenticate": "Bearer"},
        )
