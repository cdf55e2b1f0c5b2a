"""What every source yields: an article, or a reject that says what was wrong and where, or a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import orjson

from recommend.articles.article import Article, FieldWarning, parse_article
from recommend.articles.dates import DateOrder
from recommend.errors import ArticleError, truncated_repr


@dataclass(frozen=True, slots=True)
class _Remark:
    source: str
    line: int | None
    article_id: str | None
    field: str | None
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reject(_Remark):
    """A row that cannot be an article.

    Attributes:
        source: file name, URL or ``-``.
        line: 1-based line (JSON lines, CSV) or record (Parquet, feed entry, element of a JSON array); None when the
            whole file is at fault.
        article_id: the id the row carried, as far as it could be read.
        field: the field at fault, or None when the row as a whole is.
        value: the value at fault, cut for display.
        reason: a clause that completes "<field> <value> …".
    """

    def as_json(self) -> dict[str, object]:
        """The fields by name, ready for a JSON writer."""
        return {"kind": "reject", **asdict(self)}


@dataclass(frozen=True, slots=True)
class RowWarning(_Remark):
    """Something in a row that was not taken as it was written, while the article was; attributes as of a reject."""

    def as_json(self) -> dict[str, object]:
        """The fields by name, ready for a JSON writer."""
        return {"kind": "warning", **asdict(self)}


Parsed = Article | Reject
Row = Article | Reject | RowWarning

UNSORTED = frozenset({"uncategorized", "uncategorised", "unclassified", "allgemein", "non classé", "sin categoría"})
"""Sections, in lower case, where systems keep what nobody put into one."""

_DATES = ("published_at", "expires_at")


def _ignore(_warning: RowWarning) -> None:
    pass


def parse_row(
    row: object,
    source: str,
    line: int,
    *,
    warn: Callable[[RowWarning], object] = _ignore,
    base_url: str | None = None,
    date_order: DateOrder | None = None,
) -> Parsed:
    """A mapping as an article, or the reject that says why it is none.

    Args:
        row: field names and values.
        source: where it is from, for messages.
        line: the number of the line or record.
        warn: gets a warning for each field that was dropped.
        base_url: where relative addresses in the row start.
        date_order: of day, month and year in 3/4/2025; None refuses what is ambiguous.
    """

    def tell(about: FieldWarning) -> None:
        warn(RowWarning(source, line, about.article_id, about.field, about.value, about.reason))

    try:
        return parse_article(row, warn=tell, base_url=base_url, date_order=date_order)
    except ArticleError as problem:
        return Reject(source, line, problem.article_id, problem.field, problem.value, problem.reason)
    except RecursionError:
        return Reject(source, line, None, None, "…", "is nested too deeply")


def rows(
    row: object, source: str, line: int, *, base_url: str | None = None, date_order: DateOrder | None = None
) -> Iterator[Row]:
    """The same with its warnings: the article or the reject first, then what was dropped of the article."""
    warnings: list[RowWarning] = []
    yield parse_row(row, source, line, warn=warnings.append, base_url=base_url, date_order=date_order)
    yield from warnings


def public_rows(
    row: Mapping[str, object], source: str, line: int, *, base_url: str | None, instead: Mapping[str, object]
) -> Iterator[Row]:
    """The same for what everybody can read already, a feed or a page: there a date decides nothing.

    One that cannot be read is dropped with a warning, and what ``instead`` has for the field stands in.
    """
    warnings: list[RowWarning] = []
    parsed = parse_row(row, source, line, warn=warnings.append, base_url=base_url)
    while isinstance(parsed, Reject) and parsed.field in _DATES and row[parsed.field] is not None:
        name = parsed.field
        warnings.append(RowWarning(source, line, parsed.article_id, name, parsed.value, parsed.reason))
        stand_in = instead.get(name)
        row = {**row, name: None if stand_in == row[name] else stand_in}
        parsed = parse_row(row, source, line, warn=warnings.append, base_url=base_url)
    yield parsed
    if isinstance(parsed, Article):
        yield from warnings


def cell_rows(
    row: Mapping[str, object], source: str, line: int, *, date_order: DateOrder | None = None
) -> Iterator[Row]:
    """The same for one row of a table, in which ``extra`` may be an object written as JSON."""
    cells = dict(row)
    extra, problem = cells.get("extra"), ""
    if isinstance(extra, str):
        try:
            cells["extra"] = orjson.loads(extra)
        except orjson.JSONDecodeError as fault:
            problem = f"is not a JSON object: {fault.msg}"
            del cells["extra"]
    for one in rows(cells, source, line, date_order=date_order):
        yield one
        if problem and isinstance(one, Article):
            yield RowWarning(source, line, one.id, "extra", truncated_repr(extra), problem)


def reject_cell(cells: Mapping[str, object], field: str, source: str, line: int, reason: str) -> Reject:
    """A reject for one cell of a table row."""
    article_id = cells.get("id") if field != "id" else None
    named = None if article_id is None else str(article_id).encode(errors="replace").decode()
    return Reject(source, line, named, field, truncated_repr(cells[field]), reason)
