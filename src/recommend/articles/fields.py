"""How each field of a row is read. A reader raises ValueError, with a clause that says what is wrong with the value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import orjson

from recommend.articles.addresses import read_address
from recommend.articles.dates import NEVER_YEAR, DateOrder, read_date
from recommend.articles.languages import read_language
from recommend.articles.limits import ID_LIMIT, LINE_LIMIT, MOST_STRINGS, STRING_LIMIT, TEXT_LIMIT
from recommend.articles.links import is_kept, linked_name, separated
from recommend.articles.text import clean_line, clean_text

_FAR = timedelta(days=3653)
"""A date of publication that lies further ahead is told."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAMES = ("name", "rendered", "title", "label")
_STATUSES = {
    **dict.fromkeys(("", "published", "publish", "true", "1"), "published"),
    **dict.fromkeys(("draft", "auto-draft", "pending"), "draft"),
    **dict.fromkeys(("unpublished", "private", "trash", "sent", "false", "0"), "unpublished"),
}
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "1", "1.0"), True),
    **dict.fromkeys(("", "false", "no", "off", "0", "0.0"), False),
}
_SCHEDULED = frozenset({"future", "scheduled"})


class TooLargeError(ValueError):
    """A field that an article can do without is so large that the whole row is refused."""


@dataclass(slots=True)
class Reading:
    """What the fields of one row are read with.

    Attributes:
        base_url: where relative addresses start.
        date_order: of day, month and year in 3/4/2025; None refuses what is ambiguous.
        lenient: whether a field that an article can do without is dropped when it cannot be read.
        notes: field, value and reason of what was dropped, or read in one of several possible ways.
    """

    base_url: str | None = None
    date_order: DateOrder | None = None
    lenient: bool = False
    notes: list[tuple[str, object, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader may know beside the value.

    Attributes:
        field: name of the field.
        before: the fields of the row that were read before it.
        reading: of the row.
    """

    field: str
    before: Mapping[str, Any]
    reading: Reading

    def note(self, value: object, reason: str) -> None:
        """Notes a value of the field, and a clause on what became of it."""
        self.reading.notes.append((self.field, value, reason))


def same_id(text: str) -> str:
    """The one Unicode form (NFC) in which ids are stored and compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def read_id(value: object, _context: Context) -> str:
    """An id: any string, or a number, without control characters; not the dots that addresses step up by, as nobody
    could ask for those over HTTP."""
    if value is None or value == "":
        raise ValueError("is missing: every article needs one")
    text = _string(value)
    if "\x00" in text:
        raise ValueError("contains a NUL byte")
    if repaired(text) != text:
        raise ValueError("contains half of a surrogate pair and is not valid Unicode")
    if not text.strip():
        raise ValueError("is blank: every article needs one")
    text = same_id(text) if len(text) <= ID_LIMIT else text
    if len(text) > ID_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {ID_LIMIT}")
    if _CONTROL.search(text):
        raise ValueError("contains a control character")
    if text in {".", ".."}:
        raise ValueError("is a step within an address and names nothing there: add another character")
    return text


def read_line(value: object, _context: Context) -> str | None:
    """One line without markup, None for none. An object gives its name."""
    if value is None or value == "":
        return None
    text = _string(named(value))
    if len(text) > LINE_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {LINE_LIMIT}")
    return clean_line(repaired(text)) or None


def read_title(value: object, context: Context) -> str:
    """A line that must be there."""
    title = read_line(value, context)
    if title is None:
        raise ValueError("is missing or empty: every article needs a headline")
    return title


def read_text(value: object, _context: Context) -> str:
    """A text without markup, blocks separated by a blank line.

    Raises:
        TooLargeError: it is longer than ``TEXT_LIMIT``.
    """
    if value is None or value == "":
        return ""
    text = _string(named(value))
    if len(text) > TEXT_LIMIT:
        raise TooLargeError(f"has {len(text)} characters, more than {TEXT_LIMIT}")
    return clean_text(repaired(text))


def read_moment(value: object, context: Context) -> datetime | None:
    """A moment in UTC, see :func:`~recommend.articles.dates.read_date`."""
    moment, doubt = read_date(value, order=context.reading.date_order)
    if doubt is not None:
        context.note(value, doubt)
    if context.field == "published_at":
        if moment is None and str(value).strip().startswith("0001-"):
            context.note(value, "lies in the year 1, as systems write where they know no date: none is taken")
        elif moment is not None and moment > datetime.now(UTC) + _FAR:
            context.note(value, f"lies in the year {moment.year}: readers see the article from then on")
    return moment


def read_expiry(value: object, context: Context) -> datetime | None:
    """The same, where the far future means never."""
    moment = read_moment(value, context)
    return None if moment is None or moment.year >= NEVER_YEAR else moment


def read_tags(value: object, context: Context) -> list[str]:
    """Distinct strings of a list, or of a string that separates them by ``;`` or ``|`` or else by commas."""
    return _strings(value, context, lambda parts: True)


def read_authors(value: object, context: Context) -> list[str]:
    """The same, but that the comma of "Lee, Ann" separates nothing: that of "Ann Lee, Bo Ek" does."""
    return _strings(value, context, lambda parts: all(" " in part.strip() for part in parts))


def read_links(value: object, context: Context) -> list[str]:
    """Distinct ids and addresses of a list, addresses in their canonical form; a string is a list as in a cell."""
    listed = separated(value)
    if listed is None:
        return []
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise ValueError("is not a list of ids and addresses")
    written = (linked_name(repaired(one)) for one in listed if 0 < len(one.strip()) <= STRING_LIMIT)
    names = dict.fromkeys(filter(is_kept, written))
    if len(names) > MOST_STRINGS:
        context.note(value, f"has {len(names)} entries: those after {MOST_STRINGS} are left out")
    return list(names)[:MOST_STRINGS]


def read_language_tag(value: object, _context: Context) -> str | None:
    """A language, see :func:`~recommend.articles.languages.read_language`; of a list the first."""
    if isinstance(value, list | tuple):
        value = next(iter(value), None)
    return None if value is None or value == "" else read_language(_string(named(value)))


def read_url(value: object, context: Context) -> str | None:
    """An address, see :func:`~recommend.articles.addresses.read_address`. One of an image may start at its page's."""
    if value is None or value == "":
        return None
    text, page = _string(value).strip(), context.before.get("url") or ""
    at_page = page.startswith("http") and not text.startswith("/")
    return read_address(text, page if at_page else context.reading.base_url)


def read_genre(value: object, context: Context) -> str | None:
    """A line in lower case."""
    text = read_line(value, context)
    return None if text is None else text.lower()


def read_status(value: object, context: Context) -> str:
    """One of the three states, by this name or by that of a content system. What is scheduled is published from its
    date on, and a draft where it has none."""
    word = ("" if value is None else str(value) if isinstance(value, str | int) else "?").strip().lower()
    if word in _SCHEDULED:
        return "draft" if context.before.get("published_at") is None else "published"
    if word not in _STATUSES:
        raise ValueError("is not one of published, draft, unpublished")
    return _STATUSES[word]


def read_flag(value: object, _context: Context) -> bool:
    """Yes or no, no where nothing is said."""
    word = ("" if value is None else str(value) if isinstance(value, str | int | float) else "?").strip().lower()
    if word not in _FLAGS:
        raise ValueError("is neither true nor false")
    return _FLAGS[word]


def _string(value: object) -> str:
    if type(value) is str:
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is not a string")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("is not a finite number")
    return str(value)


def named(value: object) -> object:
    """The name of an object that has one: CMSs write authors, sections, even titles so."""
    if isinstance(value, str) or not isinstance(value, Mapping):
        return value
    return next((value[name] for name in _NAMES if isinstance(value.get(name), str)), value)


def repaired(text: str) -> str:
    """Halves of surrogate pairs joined, or replaced where the other half is missing."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _strings(value: object, context: Context, splits_at_commas: Callable[[list[str]], bool]) -> list[str]:
    entries = dict.fromkeys(_cleaned(_members(value, splits_at_commas), context))
    if len(entries) > MOST_STRINGS:
        context.note(value, f"has {len(entries)} entries: those after {MOST_STRINGS} are left out")
    return list(entries)[:MOST_STRINGS]


def _members(value: object, splits_at_commas: Callable[[list[str]], bool]) -> list[object]:
    if value is None or value == "":
        return []
    if isinstance(value, Mapping) and named(value) is not value:
        return [value]
    if isinstance(value, str):
        if len(value) > MOST_STRINGS * STRING_LIMIT:
            raise ValueError(f"has {len(value)} characters, more than {MOST_STRINGS * STRING_LIMIT}")
        if value.lstrip().startswith("["):
            with suppress(orjson.JSONDecodeError):
                value = orjson.loads(value)
    if isinstance(value, str):
        line = clean_line(repaired(value))
        parts = re.split(r"[;|]", line)
        commas = line.split(",")
        return [*(commas if len(parts) == 1 and splits_at_commas(commas) else parts)]
    if not isinstance(value, list | tuple):
        raise ValueError("is neither a list of strings nor a string separated by ';' or '|'")
    return [*value]


def _cleaned(members: list[object], context: Context) -> Iterator[str]:
    for member in members:
        if member is None:
            continue
        try:
            text = _string(named(member))
            if len(text) > STRING_LIMIT:
                raise ValueError(f"has {len(text)} characters, more than {STRING_LIMIT}")
        except ValueError as problem:
            context.note(member, f"{problem}: it is left out")
            continue
        cleaned = clean_line(repaired(text))
        if cleaned:
            yield cleaned
