"""The Article contract: what a publisher hands over, checked and cleaned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from recommend.errors import ArticleError, shown
from recommend.text import clean_line, clean_text, lead_sentence

ID_LIMIT = 512
LINE_LIMIT = 5_000
TEXT_LIMIT = 1_000_000
CLOCK_SKEW = timedelta(minutes=10)

_UNSAID = {"access": "public", "evergreen": False}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*|[A-Za-z]{4,8}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|mc_[ce]id|igshid")


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


@dataclass(slots=True)
class _Reading:
    """What one row is read with, and which of its fields could not be understood."""

    base_url: str | None
    dropped: list[tuple[str, object, str]]


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


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is not a string")
    text = str(value)
    if "\x00" in text:
        raise ValueError("contains a NUL byte")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("contains half of a surrogate pair and is not valid Unicode") from None
    return text


def _optional(value: object) -> str | None:
    return None if value is None or value == "" else _string(value)


def _article_id(value: object) -> str:
    if value is None or value == "":
        raise ValueError("is missing: every article needs one")
    text = _string(value)
    if not text.strip():
        raise ValueError("is blank: every article needs one")
    if len(text) > ID_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {ID_LIMIT}")
    if _CONTROL.search(text):
        raise ValueError("contains a control character")
    return text


def _line(value: object) -> str | None:
    text = _optional(value)
    if text is None:
        return None
    if len(text) > LINE_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {LINE_LIMIT}")
    return clean_line(text) or None


def _title(value: object) -> str:
    title = _line(value)
    if title is None:
        raise ValueError("is missing or empty: every article needs a headline")
    return title


def _text(value: object) -> str:
    text = _optional(value)
    if text is None:
        return ""
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {TEXT_LIMIT}")
    return clean_text(text)


def _moment(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("is not an ISO 8601 date") from None
    if not isinstance(value, datetime):
        raise ValueError("is not an ISO 8601 date")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


def _strings(value: object) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = re.split(r"[;|]", value)
    if not isinstance(value, list | tuple):
        raise ValueError("is neither a list of strings nor a string separated by ';' or '|'")
    cleaned = (clean_line(_string(item)) for item in value)
    return list(dict.fromkeys(item for item in cleaned if item))


def _language(value: object) -> str | None:
    text = _optional(value)
    if text is None:
        return None
    if not _LANGUAGE.fullmatch(text.strip().replace("_", "-")):
        raise ValueError("is not a BCP 47 language tag such as 'en' or 'pt-BR'")
    primary, *rest = text.strip().replace("_", "-").split("-")
    return "-".join([primary.lower(), *rest])


def _url(value: object) -> str | None:
    text = _optional(value)
    if text is None:
        return None
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is not a valid URL") from None
    rooted = not parts.scheme and not parts.netloc and text.startswith("/")
    if not rooted and not (parts.scheme in {"http", "https"} and parts.netloc):
        raise ValueError("is neither an http(s) URL nor a path that starts with '/'")
    if _CONTROL.search(text) or " " in text:
        raise ValueError("contains a space or a control character")
    return text


def _genre(value: object) -> str | None:
    text = _line(value)
    return None if text is None else text.lower()


def _status(value: object) -> object:
    return Status.PUBLISHED if value is None or value == "" else value


def _optional_field(read: Callable[[object], Any]) -> BeforeValidator:
    """Reads a field that an article can do without: :func:`parse_article` drops it when it cannot be understood."""

    def validate(value: object, info: ValidationInfo) -> Any:
        reading = info.context
        if not isinstance(reading, _Reading):
            return read(value)
        try:
            if read is _url and isinstance(value, str) and reading.base_url is not None and value.strip():
                value = urljoin(reading.base_url, value.strip())
            return read(value)
        except ValueError as problem:
            reading.dropped.append((str(info.field_name), value, str(problem)))
            return read(None)

    return BeforeValidator(validate)


def _flag(value: object) -> object:
    return False if value is None or value == "" else value


def read_access(value: object) -> Access:
    """Who may read an article, in the words of a CMS, a page's ``isAccessibleForFree`` or a column.

    Nothing given is ``public``; a word that nobody knows is ``paid``, so that no body is shown by a guess.
    """
    if value is None or value == "":
        return Access.PUBLIC
    return _ACCESS.get(str(value).strip().lower(), Access.PAID)


ArticleId = Annotated[str, BeforeValidator(_article_id)]
Line = Annotated[str | None, _optional_field(_line)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Strings = Annotated[list[str], _optional_field(_strings)]
Url = Annotated[str | None, _optional_field(_url)]


class Article(BaseModel):
    """One article, cleaned and validated. Unknown fields are kept in ``extra``.

    ``text`` is plain text, blocks separated by a blank line; moments are timezone-aware and in UTC.
    """

    model_config = ConfigDict(frozen=True)

    id: ArticleId
    title: Annotated[str, BeforeValidator(_title)]
    text: Annotated[str, _optional_field(_text)] = ""
    summary: Line = None
    url: Url = None
    image_url: Url = None
    published_at: Moment = None
    updated_at: Annotated[datetime | None, _optional_field(_moment)] = None
    section: Line = None
    tags: Strings = Field(default_factory=list)
    authors: Strings = Field(default_factory=list)
    language: Annotated[str | None, _optional_field(_language)] = None
    site: Line = None
    genre: Annotated[str | None, _optional_field(_genre)] = None
    status: Annotated[Status, BeforeValidator(_status)] = Status.PUBLISHED
    expires_at: Moment = None
    access: Annotated[Access, BeforeValidator(read_access)] = Access.PUBLIC
    evergreen: Annotated[bool, BeforeValidator(_flag)] = False
    extra: Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default_factory=dict
    )

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown_fields(cls, row: Any) -> Any:
        if not isinstance(row, Mapping):
            return row
        unknown = {key: value for key, value in row.items() if key not in cls.model_fields}
        if not unknown:
            return row
        known = {key: value for key, value in row.items() if key in cls.model_fields}
        given = known.get("extra") or {}
        return {**known, "extra": {**given, **unknown} if isinstance(given, Mapping) else given}

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
        """32 bytes (SHA-256) that change with any field; those that stores did not have at first count from where they
        say something, so that what was stored before stays as it was."""
        silent = {name for name, value in _UNSAID.items() if getattr(self, name) == value}
        return hashlib.sha256(orjson.dumps(self.model_dump(exclude=silent), option=orjson.OPT_SORT_KEYS)).digest()

    @property
    def text_hash(self) -> bytes:
        """32 bytes (SHA-256) that change with title or body: what an embedding was made from."""
        return hashlib.sha256(f"{self.title}\x00{self.body}".encode()).digest()


def _ignore(_warning: FieldWarning) -> None:
    pass


def parse_article(
    row: object, *, warn: Callable[[FieldWarning], None] = _ignore, base_url: str | None = None
) -> Article:
    """A mapping from outside as an Article.

    A field that an article can do without is dropped when it cannot be understood. A row is refused only where it has
    no id or no title, is larger than any article may be, or has a ``status``, ``published_at`` or ``expires_at`` that
    cannot be read: they decide whether it may be public, and nothing is published by a guess.

    Args:
        row: field names and values.
        warn: gets each field that was dropped, or that was read in one of several possible ways.
        base_url: where the row comes from; relative addresses in it start there.

    Raises:
        ArticleError: naming the first field at fault, its value and what is wrong with it.
    """
    if not isinstance(row, Mapping):
        raise ArticleError(None, None, row, f"is not an object with fields but {type(row).__name__}")
    reading = _Reading(base_url, [])
    try:
        article = Article.model_validate(row, context=reading)
        orjson.dumps(article.extra)
    except ValidationError as problem:
        raise _article_error(row, problem) from None
    except TypeError as problem:
        raise ArticleError(_id_for_message(row), "extra", "…", f"cannot be written as JSON: {problem}") from None
    for field, value, reason in reading.dropped:
        warn(FieldWarning(article.id, field, shown(value), reason))
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
        reason = f"is none of {', '.join(Status)}"
    else:
        reason = f"is not valid: {first['msg']}"
    return ArticleError(_id_for_message(row), field, value, reason)


def canonical_url(url: str) -> str:
    """The form under which an article's URL is looked up: no fragment, no tracking parameters, no trailing slash,
    host in lower case, http and https alike. What is no URL stays as it is."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if not _TRACKING.fullmatch(key)])
    scheme = "https" if parts.scheme in {"http", "https"} else parts.scheme
    return urlunsplit((scheme, parts.netloc.lower(), parts.path.rstrip("/") or "/", query, ""))
