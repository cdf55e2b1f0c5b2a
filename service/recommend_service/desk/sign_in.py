"""Where editors sign in and out: a key becomes a session, of which the browser holds a cookie for a few hours."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.responses import RedirectResponse, Response

from recommend.errors import RecommendError
from recommend.store.keys import Scope
from recommend_service.desk.pages import render
from recommend_service.desk.visit import Visit, read_form, signed_in
from recommend_service.http.sessions import DESK, set_cookie
from recommend_service.state import ServiceState

_OPENS = {Scope.CURATE, Scope.READ}


async def show(request: Request) -> Response:
    """The page where one signs in."""
    return _page(request, request.query_params.get("next", ""))


async def enter(request: Request) -> Response:
    """Opens a session for a key of scope ``curate``, or ``read`` for the operator's page alone."""
    state: ServiceState = request.app.state.service
    try:
        form = await read_form(request)
    except HTTPException as problem:
        return _page(request, "", problem.detail, HTTPStatus(problem.status_code))
    given, after = (form.get(name, [""])[0].strip() for name in ("key", "next"))
    hashed = sha256(given.encode(errors="replace")).digest()
    try:
        key = await state.find_key(hashed)
        if key is None:
            return _page(
                request, after, "This key is not valid: recommend keys create makes one.", HTTPStatus.FORBIDDEN
            )
        if _OPENS.isdisjoint(key.scopes):
            needed = (
                f"The key “{key.name}” opens no desk: it needs the scope curate (or read, for the service's state)."
            )
            return _page(request, after, needed, HTTPStatus.FORBIDDEN)
        seconds = state.settings.service.desk_session
        token = await state.threads.write(state.store.sessions.open, hashed, timedelta(seconds=seconds))
    except RecommendError as problem:
        return _page(request, after, str(problem), HTTPStatus.SERVICE_UNAVAILABLE)
    root = request.scope.get("root_path", "").rstrip("/")
    home = f"{root}{DESK}" + ("" if Scope.CURATE in key.scopes else "/status")
    response = RedirectResponse(after if _within(after, root) else home, HTTPStatus.SEE_OTHER)
    response.headers["Cache-Control"] = "no-store"
    set_cookie(request, response, token, seconds)
    return response


@signed_in(None)
async def leave(visit: Visit) -> Response:
    """Ends the session."""
    await visit.state.threads.write(visit.state.store.sessions.close, visit.token)
    response = visit.go(f"{DESK}/sign-in")
    set_cookie(visit.request, response, "", 0)
    return response


def _within(path: str, root: str) -> bool:
    """Whether a path leads to the desk and nowhere else."""
    inside = path.split("?", maxsplit=1)[0]
    return inside == f"{root}{DESK}" or (
        inside.startswith(f"{root}{DESK}/") and "\\" not in path and ".." not in inside
    )


def _page(request: Request, after: str, problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    return render(request, "sign-in.html", {"next": after, "problem": problem}, status)
