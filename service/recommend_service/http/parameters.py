"""Query parameters that the routes share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, params
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from recommend.articles.article import Access
from recommend.articles.fields import same_id
from recommend.errors import truncated_repr
from recommend.index.filters import NAMED, Filters, Prefer

Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value),
    Field(ge=timedelta(0)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "duration"}]}),
]


_MOST_VALUES = 20
_REPEATED = {"access", "exclude"}


def _few(text: str) -> str:
    if text.count(",") + text.count("+") >= _MOST_VALUES:
        raise ValueError(f"names more than {_MOST_VALUES} values")
    return text


Values = Annotated[str, AfterValidator(_few)]
"""One value, or several of which one must hold, separated by commas."""


def _separated(values: Any) -> Any:
    return values and [part for value in values for part in str(value).split(",")]


class NamedValues(BaseModel):
    """Those that name values which articles must hold, or must not, and how many are wanted."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(5, ge=1, le=50, description="most items in the box")
    section: Values | None = Field(
        None,
        description="only articles with one of these values, separated by commas; language, site, tag and genre alike",
    )
    language: Values | None = None
    site: Values | None = None
    tag: Values | None = Field(
        None,
        description="only articles with one of these tags; of tags joined by a plus sign (%2B), an article needs all",
    )
    genre: Values | None = None
    not_section: Values | None = Field(
        None,
        alias="-section",
        description="no article with one of these values, separated by commas; the next four alike",
    )
    not_language: Values | None = Field(None, alias="-language")
    not_site: Values | None = Field(None, alias="-site")
    not_tag: Values | None = Field(None, alias="-tag")
    not_genre: Values | None = Field(None, alias="-genre")

    @model_validator(mode="after")
    def _check_time(self) -> Self:
        since, until = (_utc(getattr(self, name, None)) for name in ("since", "until"))
        if since is not None and until is not None and since > until:
            raise ValueError(f"since {since.isoformat()} is after until {until.isoformat()}: nothing is of that time")
        return self

    def named(self) -> dict[str, Any]:
        """The same by field of :class:`~recommend.index.filters.Filters`."""
        return {f"{sign}{name}": getattr(self, f"{sign}{name}") for name in NAMED for sign in ("", "not_")}


class FilterParameters(NamedValues):
    """Those that say which articles may be in a box or a story, and which come first."""

    language: Values | None = Field(
        None, description="only articles in one of these languages; default: the article's own"
    )
    genre: Values | None = Field(
        None, description="only articles of one of these genres; default: those that policy.hidden_genres allows"
    )
    since: datetime | None = None
    until: datetime | None = None
    access: Annotated[list[Access] | None, BeforeValidator(_separated)] = Field(
        None, description="only articles with this access, separated by commas or repeated"
    )
    reader: Access = Field(
        Access.PUBLIC,
        description="access that this reader has; policy.readable keeps some stories in the box that the reader "
        "may open",
    )
    prefer: Prefer | None = Field(
        None,
        description="what comes first among the best that pass: any: the highest score; near: what is of the article's "
        "own time; fresh: what is new. Items keep their scores, and related ones stay first. Default: policy.freshness",
    )
    max_age: Duration | None = Field(
        None, description="only articles that are no older, in seconds or as an ISO 8601 duration such as P7D"
    )
    exclude: list[str] | None = Field(
        None, description="ids of articles that must not be shown, separated by commas or repeated"
    )

    @classmethod
    def read(cls, query_string: bytes) -> Self | None:
        """What a query string says, None where that is not valid: what FastAPI would read, in a tenth of the time."""
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
        given: dict[str, Any] = dict(pairs)
        for several in given.keys() & _REPEATED:
            given[several] = [value for name, value in pairs if name == several]
        try:
            return cls.model_validate(given)
        except ValidationError:
            return None

    def filters(self) -> Filters:
        """The filters of a request that is answered now."""
        since, until = _utc(self.since), _utc(self.until)
        if self.max_age is not None:
            try:
                oldest = datetime.now(UTC) - self.max_age
            except OverflowError:
                oldest = datetime.min.replace(tzinfo=UTC)
            since = oldest if since is None else max(since, oldest)
        parts = (part for value in self.exclude or [] for part in (value, *value.split(",")) if part)
        excluded = frozenset(map(same_id, parts))
        access = frozenset(self.access or ())
        return Filters(
            **self.named(),
            since=since,
            until=until,
            exclude=excluded,
            access=access,
            reader=self.reader,
            prefer=self.prefer,
        )


class Parameters(FilterParameters):
    """Those of every route that answers with a box."""

    explain: bool = Field(
        False, description="add each feature's value and weight, what the policy removed, and near misses"
    )


class BoxParameters(Parameters):
    """Those of the routes that answer for a stored article."""

    fallback: Literal["latest", "popular", "none"] = Field(
        "latest",
        description="what is shown where the box would be empty: the latest; popular: what was clicked most of "
        "late, or the latest"
        "where clicks are too few to tell",
    )
    variant: str | None = Field(
        None, description="one of service.variants, or auto:UNIT to have one chosen by a hash of UNIT"
    )


class UrlParameters(BoxParameters):
    """Those of the route that finds the article by its URL."""

    url: str


class ListParameters(NamedValues):
    """Those of a listing."""

    query: str | None = Field(
        None,
        max_length=200,
        description="words, an id, or a URL to search for; without it the newest articles are listed",
    )
    since: datetime | None = None
    until: datetime | None = None
    limit: int = Field(20, ge=1, le=100, description="most articles on a page")
    cursor: str | None = Field(None, max_length=2_048, description="next, as the page before gave it")

    def filters(self) -> Filters:
        """The filters of a request."""
        return Filters(**self.named(), since=_utc(self.since), until=_utc(self.until))


class WhyParameters(BaseModel):
    """Those of the route that compares two articles."""

    model_config = ConfigDict(frozen=True)

    other: str = Field(description="id of the article whose place in the box is asked for")
    limit: int = Field(5, ge=1, le=50, description="most items in the box")


_ELSEWHERE = {
    "q": "query",
    "k": "limit",
    "n": "limit",
    "top": "limit",
    "count": "limit",
    "size": "limit",
    "lang": "language",
}
"""What other services call them."""


def refuse_unknown(request: Request, known: type[BaseModel]) -> None:
    """Refuses a parameter that a route does not have, or that has one value and is given twice, unless
    ``service.lenient``.

    Raises:
        HTTPException: 422, naming the parameter and the one that it resembles, or how to write it once.
    """
    if request.app.state.settings.service.lenient:
        return
    names = [field.alias or name for name, field in known.model_fields.items()]
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name not in names:
            raise _refused(f"query.{truncated_repr(name)}: is not a parameter; {_hint(name, names)}")
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if len(values) > 1 and name not in _REPEATED:
            once = f"write {name}={','.join(values)[:80]}" if name.removeprefix("-") in NAMED else "give one value"
            raise _refused(f"query.{name}: is given {len(values)} times; {once}")


def refuse_unknown_fields(request: Request, body: BaseModel, known: type[BaseModel]) -> None:
    """Refuses a field of a body that ``known`` does not have, unless ``service.lenient``.

    Raises:
        HTTPException: 422, naming the field and the one that it resembles.
    """
    if request.app.state.settings.service.lenient:
        return
    names = list(known.model_fields)
    for name in body.model_extra or {}:
        if name not in names:
            raise _refused(f"body.{truncated_repr(name)}: is not a field; {_hint(name, names)}")


def _hint(name: str, names: list[str]) -> str:
    near = [_ELSEWHERE[name]] if _ELSEWHERE.get(name) in names else get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"


def _refused(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def no_others(known: type[BaseModel]) -> params.Depends:
    """:func:`refuse_unknown` as a dependency of a route that has these parameters."""

    async def refuse(request: Request) -> None:
        refuse_unknown(request, known)

    return params.Depends(refuse)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in its own zone on the first day of year 1, or the last of 9999
        return (datetime.min if moment.year == 1 else datetime.max).replace(tzinfo=UTC)
