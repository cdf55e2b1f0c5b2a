"""Where a page of a listing ended, as a word that a client hands back."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from math import isnan

import orjson
from fastapi import HTTPException
from pydantic import TypeAdapter, ValidationError

from recommend.errors import truncated_repr
from recommend.ranking.search import Mark

_FORMAT = TypeAdapter(Mark)


def write_cursor(mark: Mark | None) -> str | None:
    """The cursor of a mark; None for none."""
    return None if mark is None else urlsafe_b64encode(orjson.dumps(mark)).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Mark | None:
    """The mark of a cursor, None for none.

    Raises:
        HTTPException: 422 for what is no cursor.
    """
    if not cursor:
        return None
    try:
        mark = _FORMAT.validate_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), strict=False)
        if isnan(mark[0]):
            raise ValueError("is not a number")
        return mark
    except (ValueError, ValidationError):
        detail = f"query.cursor: {truncated_repr(cursor)} is not a cursor; pass next of the previous page"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from None
