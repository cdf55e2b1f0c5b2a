"""The Article contract: what a publisher hands over, checked and cleaned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from recommend.articles import fields
from recommend.articles.addresses import canonical_url
from recommend.articles.dates import DateOrder
from recommend.articles.extra import read_extra
from recommend.articles.fields import Context, Reading, TooLargeError
from recommend.articles.limits import ID_LIMIT, LINE_LIMIT, TEXT_LIMIT
from recommend.articles.links import keep_links, linked_names
from recommend.articles.text import lead_sentence
from recommend.errors import ArticleError, truncated_repr

__all__ = [
    "CLOCK_SKEW", "ID_LIMIT", "LINE_LIMIT", "TEXT_LIMIT", "Access", "Article", "ArticleId", "FieldWarning", "Moment",
    "Status", "canonical_url", "opens", "parse_article", "read_access", "released_until",
]  # fmt: skip

CLOCK_SKEW = timedelta(minutes=10)

_UNSAID: dict[str, object] = {"access": "public", "evergreen": False, "links_to": []}


@dataclass(frozen=True, slots=True)
class FieldWarning:
    """A field that was not taken as it was written, of an article that was.

    Attributes:
        article_id: of the article.
        field: its name.
        value: as written, cut for display.
        reason: a clause that completes "<field> <value> …".
    """

    article_id: str
    field: str
    value: str
    reason: str


class Status(StrEnum):
    """Whether readers may see an article; only ``published`` ones are ever recommended."""

    PUBLISHED = "published"
    DRAFT = "draft"
    UNPUBLISHED = "unpublished"


class Access(StrEnum):
    """Who may read the body of a published article; title and summary are everybody's."""

    PUBLIC = "public"
    MEMBERS = "members"
    PAID = "paid"


def opens(access: Access) -> tuple[Access, ...]:
    """What a reader with some access may open: a subscriber everything, a member what is not paid for."""
    return tuple(Access)[: tuple(Access).index(access) + 1]


_ACCESS = dict.fromkeys(("public", "free", "true", "everyone"), Access.PUBLIC) | dict.fromkeys(
    ("members", "member", "subscribers"), Access.MEMBERS
)


def read_access(value: object) -> Access:
    """Who may read an article, in the words of a CMS, a page's ``isAccessibleForFree`` or a column.

    Nothing given is ``public``; a word that nobody knows is ``paid``, so that no body is shown by a guess.
    """
    if value is None or value == "":
        return Access.PUBLIC
    return _ACCESS.get(str(value).strip().lower(), Access.PAID)


def _access(value: object, context: Context) -> Access:
    access = read_access(value)
    if access == Access.PAID and str(value).strip().lower() not in {"paid", "tiers"}:
        context.note(value, "is not a known access level: paid is assumed")
    return access


def _reads(read: Callable[[object, Context], Any], *, required: bool = False) -> BeforeValidator:
    """Reads a field; :func:`parse_article` drops one that is not required when it cannot be understood."""

    def validate(value: object, info: ValidationInfo) -> Any:
        reading = info.context if isinstance(info.context, Reading) else Reading()
        context = Context(str(info.field_name), info.data, reading)
        try:
            return read(value, context)
        except TooLargeError:
            raise
        except ValueError as problem:
            if required or not reading.lenient:
                raise
            context.note(value, str(problem))
            return read(None, context)

    return BeforeValidator(validate)


ArticleId = Annotated[str, _reads(fields.read_id, required=True)]
Line = Annotated[str | None, _reads(fields.read_line)]
Moment = Annotated[datetime | None, _reads(fields.read_moment, required=True)]
Url = Annotated[str | None, _reads(fields.read_url)]


class Article(BaseModel):
    """One article, cleaned and validated. Unknown fields are kept in ``extra``.

    ``text`` is plain text, blocks separated by a blank line; moments are timezone-aware and in UTC. ``links_to`` are
    ids and canonical addresses of other pages, whether or not they are articles.
    """

    model_config = ConfigDict(frozen=True)

    id: ArticleId
    title: Annotated[str, _reads(fields.read_title, required=True)]
    text: Annotated[str, _reads(fields.read_text)] = ""
    summary: Line = None
    url: Url = None
    image_url: Url = None
    published_at: Moment = None
    updated_at: Annotated[datetime | None, _reads(fields.read_moment)] = None
    section: Line = None
    tags: Annotated[list[str], _reads(fields.read_tags)] = Field(default_factory=list)
    authors: Annotated[list[str], _reads(fields.read_authors)] = Field(default_factory=list)
    language: Annotated[str | None, _reads(fields.read_language_tag)] = None
    site: Line = None
    genre: Annotated[str | None, _reads(fields.read_genre)] = None
    status: Annotated[Status, _reads(fields.read_status, required=True)] = Status.PUBLISHED
    expires_at: Annotated[datetime | None, _reads(fields.read_expiry, required=True)] = None
    access: Annotated[Access, _reads(_access)] = Access.PUBLIC
    evergreen: Annotated[bool, _reads(fields.read_flag)] = False
    links_to: Annotated[list[str], _reads(fields.read_links)] = Field(default_factory=list)
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown_fields(cls, row: Any, info: ValidationInfo) -> Any:
        if not isinstance(row, Mapping):
            return row
        names = cls.model_fields  # looked up once: it costs more than a field's value to read
        unknown = {key: value for key, value in row.items() if key not in names}
        given = row.get("extra")
        if not unknown and not given:
            return {**row, "extra": {}} if "extra" in row else row
        reading = info.context if isinstance(info.context, Reading) else Reading()
        if not isinstance(given, Mapping):
            if given:
                reading.notes.append(("extra", given, "is not an object with fields"))
            given = {}
        known = {key: value for key, value in row.items() if key in names}
        extra = read_extra({**given, **unknown}, lambda *about: reading.notes.append(about))
        return {**known, "extra": extra}

    def is_public(self, now: datetime) -> bool:
        """Whether readers may see it at ``now``: published, not expired, and its date not yet to come but for a clock
        that is ten minutes fast."""
        expired = self.expires_at is not None and self.expires_at <= now
        embargoed = self.published_at is not None and self.published_at > now + CLOCK_SKEW
        return self.status == Status.PUBLISHED and not expired and not embargoed

    @property
    def body(self) -> str:
        """The text, or the summary where there is no text: what stands below the title for encoders and word counts."""
        return self.text or self.summary or ""

    @property
    def full_text(self) -> str:
        """Title, then body. A title that merely repeats the start of the body, whole or cut with an ellipsis, is not
        said twice."""
        if self.body.casefold().startswith(self.title.rstrip("….").casefold()):
            return self.body
        return f"{self.title}\n{self.body}" if self.body else self.title

    @property
    def standfirst(self) -> str | None:
        """The summary; without one, the lead sentence of a text that everybody may read."""
        return self.summary or (lead_sentence(self.text) if self.text and self.access == Access.PUBLIC else None)

    @property
    def content_hash(self) -> bytes:
        """SHA-256 (32 bytes) of all fields. A field that a later release added is left out while it has its default, so
        that articles stored before keep their hash."""
        silent = {name for name, value in _UNSAID.items() if getattr(self, name) == value}
        return hashlib.sha256(orjson.dumps(self.model_dump(exclude=silent), option=orjson.OPT_SORT_KEYS)).digest()

    @property
    def text_hash(self) -> bytes:
        """32 bytes (SHA-256) that change with title or body: what an embedding was made from."""
        return hashlib.sha256(f"{self.title}\x00{self.body}".encode()).digest()


def _ignore(_warning: FieldWarning) -> None:
    pass


def released_until(now: float) -> int:
    """The latest publication date that is not under embargo at ``now``, both in seconds since 1970: ``now`` and the
    clock skew that is tolerated."""
    return int(now) + int(CLOCK_SKEW.total_seconds())


def parse_article(
    row: object,
    *,
    warn: Callable[[FieldWarning], None] = _ignore,
    base_url: str | None = None,
    date_order: DateOrder | None = None,
) -> Article:
    """A mapping from outside as an Article.

    A field that an article can do without is dropped when it cannot be understood. A row is refused only where it has
    no id or no title, is larger than any article may be, or has a ``status``, ``published_at`` or ``expires_at`` that
    cannot be read: they decide whether it may be public, and nothing is published by a guess. Where a row does not say
    what it ``links_to``, the links in its text and its fields of related articles do.

    Time and memory are proportional to the size of the row, within the bounds of :mod:`recommend.articles.limits`.

    Args:
        row: field names and values.
        warn: gets each field that was dropped, or that was read in one of several possible ways.
        base_url: where the row comes from; relative addresses in it start there.
        date_order: of day, month and year in 3/4/2025; None refuses what is ambiguous.

    Raises:
        ArticleError: naming the first field at fault, its value and what is wrong with it.
    """
    if not isinstance(row, Mapping):
        raise ArticleError(None, None, row, f"is not an object with fields but {type(row).__name__}")
    reading = Reading(base_url, date_order, lenient=True)
    try:
        article = Article.model_validate(row, context=reading)
    except ValidationError as problem:
        raise _article_error(row, problem) from None
    text = fields.named(row.get("text"))
    text = fields.repaired(text) if isinstance(text, str) else None
    keep_links(article.id, text)
    if "links_to" not in row and (names := linked_names(text, article.extra, article.url)):
        article = article.model_copy(update={"links_to": names})
    for field, value, reason in reading.notes:
        warn(FieldWarning(article.id, field, truncated_repr(value), reason))
    return article


def _id_for_message(row: Mapping[Any, Any]) -> str | None:
    value = row.get("id")
    return None if value is None or value == "" else str(value)[:ID_LIMIT].encode(errors="replace").decode()


def _article_error(row: Mapping[Any, Any], problem: ValidationError) -> ArticleError:
    first = problem.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else None
    value = row.get(field) if field is not None else row
    if first["type"] == "value_error":
        reason = str(first["ctx"]["error"])
    elif first["type"] == "missing":
        reason = "is missing: every article needs one"
    elif field == "status":
        reason = f"is not one of {', '.join(Status)}"
    else:
        reason = f"is not valid: {first['msg']}"
    return ArticleError(_id_for_message(row), field, value, reason)
