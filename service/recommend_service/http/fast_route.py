"""Routes that answer faster than FastAPI can tell their parameters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from recommend_service.http.auth import authorize_reading
from recommend_service.http.parameters import FilterParameters, refuse_unknown


class FastRoute(APIRoute):
    """A route for an endpoint that takes the request, its parameters as ``given`` if it has any, and the path's own by
    name.

    FastAPI works through every parameter and dependency at each request, which takes longer than most answers. So here
    it documents the route, its key included, and says what is wrong with parameters that are not valid; those that are
    valid are read at once.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request."""
        refuse, endpoint = super().get_route_handler(), self.endpoint
        model: type[FilterParameters] | None = get_type_hints(endpoint).get("given")

        async def handle(request: Request) -> Response:
            arguments = request.path_params
            if model is not None:
                refuse_unknown(request, model)
                given = model.read(request.scope["query_string"])
                if given is None:
                    return await refuse(request)
                arguments = {"given": given, **arguments}
            authorize_reading(request.state.key, request.app.state.settings.service)
            await request.app.state.service.caught_up()
            response: Response = await endpoint(request, **arguments)
            return response

        return handle
