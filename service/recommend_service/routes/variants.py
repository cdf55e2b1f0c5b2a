"""Which variant of ranking and policy answers a request."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from http import HTTPStatus
from math import log

from fastapi import HTTPException, Request
from starlette.responses import Response

from recommend.errors import truncated_repr
from recommend.recommender import Recommender
from recommend.settings import VariantSettings
from recommend_service.state import ServiceState

HEADER = "X-Variant"

_AUTO = "auto:"
_STATE = "recommend.variant"


def assign(unit: str, weights: Mapping[str, float]) -> str | None:
    """The variant of a unit, such as a reader's pseudonym: always the same one, and each as often as its weight says.

    Weighted rendezvous hashing: another variant or weight moves no more units than it has to.

    Args:
        unit: any text.
        weights: by name, at least 0.

    Returns:
        A name, or None where no weight is above 0.
    """
    drawn = {name: log(_uniform(name, unit)) / weight for name, weight in weights.items() if weight > 0}
    return max(drawn, key=lambda name: (drawn[name], name), default=None)


def choose(variant: str | None, variants: Mapping[str, VariantSettings]) -> str | None:
    """The name that a request's ``variant`` stands for; None: the service's own settings.

    Where no test runs, ``auto:UNIT`` stands for these, so that pages need not change when a test ends.

    Raises:
        HTTPException: 422 for an unknown one.
    """
    if variant is None or variant in variants:
        return variant
    if variant.startswith(_AUTO):
        return assign(variant.removeprefix(_AUTO), {name: arm.weight for name, arm in variants.items()})
    known = ", ".join([*sorted(variants), "auto:UNIT"])
    detail = f"query.variant: {truncated_repr(variant)} is not one of {known}"
    raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def chosen(request: Request, variant: str | None) -> Recommender:
    """The recommender of a request; :func:`marked` tells which that was.

    Raises:
        HTTPException: 422 for an unknown variant.
        SnapshotError: when no usable snapshot is published.
    """
    state: ServiceState = request.app.state.service
    name = request.scope[_STATE] = choose(variant, state.settings.service.variants)
    return state.recommenders().variant(name)


def marked(request: Request, response: Response) -> Response:
    """The response with the variant that made it."""
    name = request.scope[_STATE]
    if name is not None:  # a list of its own: the headers may be those of an answer that is kept
        response.raw_headers = [*response.raw_headers, (HEADER.lower().encode(), name.encode())]
    return response


def _uniform(name: str, unit: str) -> float:
    """In (0, 1], of 64 bits of a hash."""
    drawn = int.from_bytes(blake2b(f"{name}\0{unit}".encode(errors="replace"), digest_size=8).digest())
    return (drawn + 1) / 2**64
