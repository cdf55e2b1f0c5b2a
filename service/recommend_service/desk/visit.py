"""One request of somebody who has signed in: who it is, what the form says, and how the page is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote

from fastapi import HTTPException, Request
from starlette.responses import RedirectResponse, Response

from recommend.articles.dates import read_date
from recommend.errors import RecommendError, UnknownArticleError
from recommend.recommender import Recommender
from recommend.store.keys import Key, Scope
from recommend_service.desk.pages import render
from recommend_service.http.sessions import DESK, form_token, is_form_token
from recommend_service.state import ServiceState

T = TypeVar("T")

_SAME_SITE = {"", "same-origin", "none"}


@dataclass(frozen=True)
class Visit:
    """A request of a session.

    Attributes:
        key: that the session was opened with.
        token: of the session.
        form: what was sent, every name with its values in order.
    """

    request: Request
    state: ServiceState
    key: Key
    token: str
    form: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def recommender(self) -> Recommender:
        """The recommender that explains to editors.

        Raises:
            RecommendError: there is none yet.
        """
        return self.state.recommenders().editors

    def given(self, name: str) -> str:
        """The first value of a field of the form or the query string, without the space around it; "" for none."""
        values = self.form.get(name) or self.request.query_params.getlist(name)
        return values[0].strip() if values else ""

    def moment(self, name: str) -> datetime | None:
        """A field as a moment in UTC, None for none.

        Raises:
            RefusalError: it is no moment that is yet to come.
        """
        written = self.given(name)
        if not written:
            return None
        try:
            moment = read_date(written).moment
        except ValueError as problem:
            raise RefusalError(f"“{written}” {problem}") from None
        if moment is not None and moment <= datetime.now(UTC):
            raise RefusalError(f"{moment:%Y-%m-%d %H:%M} UTC is over already: give a moment that is yet to come")
        return moment

    async def compute(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs what ranks, beside the event loop."""
        return await self.state.threads.read(work, *arguments)

    def page(self, template: str, status: int = HTTPStatus.OK, **context: Any) -> Response:
        """A page of the desk."""
        variables = {"key": self.key, "form_token": form_token(self.token), "curates": Scope.CURATE in self.key.scopes}
        return render(self.request, template, variables | context, status)

    def go(self, path: str) -> Response:
        """Leads on to another page of the desk, once something is done."""
        return RedirectResponse(_root(self.request) + path, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


class RefusalError(Exception):
    """The action is refused; the message is a sentence for the editor."""


Handler = Callable[..., Awaitable[Response]]


def signed_in(scope: Scope | None = Scope.CURATE) -> Callable[[Handler], Handler]:
    """Lets a handler answer those only who have signed in with a key of a scope; None: of any.

    Others are led to the page where one signs in. Forms that did not come from a page of the session are refused, and
    whatever goes wrong is told in a page.
    """

    def keep(handler: Handler) -> Handler:
        @wraps(handler)
        async def handle(request: Request) -> Response:
            state: ServiceState = request.app.state.service
            key, token = request.state.key, getattr(request.state, "session", None)
            if key is None or token is None:
                back = request.url.path if request.method == "GET" else _root(request) + DESK
                query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
                away = f"{_root(request)}{DESK}/sign-in?next={quote(back + query, safe='/')}"
                return RedirectResponse(away, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
            visit = Visit(request, state, key, token)
            try:
                if scope is not None and scope not in key.scopes:
                    raise HTTPException(HTTPStatus.FORBIDDEN, f"The key “{key.name}” lacks the scope {scope}.")
                if request.method == "POST":
                    visit = Visit(request, state, key, token, await read_form(request))
                    if not is_form_token(visit.given("form_token"), token):
                        raise HTTPException(
                            HTTPStatus.FORBIDDEN, "This form is of another session: load the page anew."
                        )
                await state.caught_up()
                return await handler(visit, **request.path_params)
            except RefusalError as refusal:
                return _told(visit, HTTPStatus.UNPROCESSABLE_ENTITY, str(refusal))
            except HTTPException as problem:
                return _told(visit, HTTPStatus(problem.status_code), problem.detail)
            except UnknownArticleError:
                return _told(visit, HTTPStatus.NOT_FOUND, "There is no such story, or it is not published.")
            except RecommendError as problem:
                return _told(visit, HTTPStatus.SERVICE_UNAVAILABLE, str(problem))

        return handle

    return keep


async def read_form(request: Request) -> dict[str, list[str]]:
    """What a form sent.

    Raises:
        HTTPException: it comes from a page of another site.
    """
    if request.headers.get("Sec-Fetch-Site", "") not in _SAME_SITE:
        raise HTTPException(HTTPStatus.FORBIDDEN, "This form was sent by a page of another site.")
    body = (await request.body()).decode(errors="replace")
    try:
        return parse_qs(body, keep_blank_values=True, max_num_fields=500, errors="replace")
    except ValueError:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "This form has more fields than any of the desk."
        ) from None


def _told(visit: Visit, status: HTTPStatus, why: str) -> Response:
    return visit.page("problem.html", status, title=status.phrase, why=why)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")
