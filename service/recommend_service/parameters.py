"""Query parameters that the routes share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field, WithJsonSchema

from recommend.table import Filters

Limit = Annotated[int, Query(ge=1, le=50, description="how many items")]
Fallback = Annotated[Literal["latest", "none"], Query(description="what stands in where nothing is related")]
Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value),
    Field(ge=timedelta(0)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "duration"}]}),
]
Explain = Annotated[bool, Query(description="add each feature's value and weight")]


async def filters(
    section: str | None = None,
    language: Annotated[str | None, Query(description="default: that of the article")] = None,
    site: str | None = None,
    tag: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    max_age: Annotated[Duration | None, Query(description="seconds, or an ISO 8601 duration such as P7D")] = None,
    exclude: Annotated[list[str] | None, Query(description="ids, separated by commas or repeated")] = None,
) -> Filters:
    """The filters of a request."""
    since, until = _utc(since), _utc(until)
    if max_age is not None:
        try:
            oldest = datetime.now(UTC) - max_age
        except OverflowError:
            oldest = datetime.min.replace(tzinfo=UTC)
        since = oldest if since is None else max(since, oldest)
    excluded = frozenset(part for value in exclude or [] for part in (value, *value.split(",")) if part)
    return Filters(section, language, site, tag, since, until, excluded)


FiltersOf = Annotated[Filters, Depends(filters)]


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
