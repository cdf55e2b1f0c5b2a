"""The desk's cookie: how a session is told, and what its forms carry so that no other page can send them."""

from __future__ import annotations

import hmac
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

DESK = "/desk"
_COOKIE = "desk"


def on_desk(scope: Scope) -> bool:
    """Whether a request is for the desk, where alone the cookie counts."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path == DESK or path.startswith(f"{DESK}/")


def session_token(scope: Scope) -> str | None:
    """The token that the cookie of a request holds, None where it has none."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                cookie = SimpleCookie(value.decode("latin-1")).get(_COOKIE)
            except CookieError:
                continue
            if cookie is not None:
                return cookie.value
    return None


def form_token(token: str) -> str:
    """What every form of a session carries: only the session's own pages can know it."""
    return sha256(f"form\0{token}".encode()).hexdigest()


def is_form_token(given: str, token: str) -> bool:
    """Whether a form came from a page of the session."""
    return hmac.compare_digest(given.encode(errors="replace"), form_token(token).encode())


def set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    """Hands the token to the browser, which sends it to the desk alone and shows it to no script; 0 seconds take it
    back."""
    path = request.scope.get("root_path", "").rstrip("/") + DESK
    response.set_cookie(
        _COOKIE,
        token,
        max_age=seconds,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
