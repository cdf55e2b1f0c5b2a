"""Who asks: bearer keys, looked up in the store and in the settings by their SHA-256.

The store's keys are kept in memory until the store's watch tells of a commit. So a key that is created or revoked holds
from the next request on in every worker; on PostgreSQL within ``service.staleness`` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from recommend.settings import ServiceSettings
from recommend.store.keys import Key, Scope


def authorize(key: Key | None, scope: Scope) -> Key:
    """The key, when it allows ``scope``.

    Raises:
        HTTPException: 401 without a valid key, 403 with one that lacks the scope.
    """
    if key is None:
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            f"this needs a valid key of scope {scope}: Authorization: Bearer KEY, from recommend keys create",
            {"WWW-Authenticate": "Bearer"},
        )
    if scope not in key.scopes:
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            f"the key {key.name!r} lacks the scope {scope}; recommend keys create makes one that has it",
            {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )
    return key


def sees_all(key: Key | None) -> bool:
    """Whether the key opens more than everybody may see: texts, ``extra``, what is not published."""
    return key is not None and not key.scopes.isdisjoint({Scope.READ, Scope.WRITE})


def may_operate(request: Request) -> bool:
    """Whether one may see how the service stands: with the scope ``read``, or as ``service.operations`` says."""
    rule, key = request.app.state.settings.service.operations, request.state.key
    if rule == "open" or (key is not None and Scope.READ in key.scopes):
        return True
    host, port = request.scope.get("server") or ("", None)
    return rule in {f"{host}:{port}", f"[{host}]:{port}"}


def authorize_reading(key: Key | None, settings: ServiceSettings) -> None:
    """Lets everybody read unless ``service.read_needs_key``.

    Raises:
        HTTPException: as :func:`authorize` for the scope ``read``.
    """
    if settings.read_needs_key:
        authorize(key, Scope.READ)


_bearer = HTTPBearer(auto_error=False, description="A key from `recommend keys create`, with the scope that is needed")


async def _key(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Key | None:
    key: Key | None = request.state.key
    return key


KeyOf = Annotated[Key | None, Depends(_key)]


async def require_reader(request: Request, key: KeyOf) -> None:
    """Refuses readers without a key of scope ``read``, when the settings ask for one."""
    authorize_reading(key, request.app.state.settings.service)


async def require_operator(request: Request, key: KeyOf) -> None:
    """Refuses those without a key of scope ``read``, unless ``service.operations`` is open."""
    if not may_operate(request):
        authorize(key, Scope.READ)


async def require_explainer(key: KeyOf) -> Key:
    """The key; refuses requests without one of scope ``curate`` or ``read``."""
    return authorize(key, explaining(key))


def explaining(key: Key | None) -> Scope:
    """The scope that lets a key ask why: ``read`` where it has that, else ``curate``."""
    return Scope.READ if key is not None and Scope.READ in key.scopes else Scope.CURATE


async def require_writer(key: KeyOf) -> Key:
    """The key; refuses requests without one of scope ``write``."""
    return authorize(key, Scope.WRITE)


async def require_curator(key: KeyOf) -> Key:
    """The key; refuses requests without one of scope ``curate``."""
    return authorize(key, Scope.CURATE)


class KeyFirstRoute(APIRoute):
    """A route that looks at the key before it reads a body, which FastAPI does the other way round.

    The scope that is needed is that of the route's dependency, which also documents it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request."""
        handle = super().get_route_handler()
        needed = {needs.call: None for needs in _flat(self.dependant)}
        scope = next((_NEEDS[call] for call in needed if call in _NEEDS), None)

        async def keyed(request: Request) -> Response:
            if scope is not None:
                authorize(request.state.key, scope)
            elif require_reader in needed:
                authorize_reading(request.state.key, request.app.state.settings.service)
            return await handle(request)

        return keyed


_NEEDS: dict[Any, Scope] = {require_writer: Scope.WRITE, require_curator: Scope.CURATE}


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for needs in dependant.dependencies:
        yield from _flat(needs)
