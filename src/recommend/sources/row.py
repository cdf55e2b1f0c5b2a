"""What every source yields: an article, or a reject that says what was wrong and where, or a warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

import orjson

from recommend.articles.article import Article, FieldWarning, parse_article
from recommend.errors import ArticleError, SourceError, truncated_repr
from recommend.sources.limits import COLUMNS


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
_FIELDS = frozenset(Article.model_fields)


def _ignore(_warning: RowWarning) -> None:
    pass


def parse_row(
    row: object,
    source: str,
    line: int,
    *,
    warn: Callable[[RowWarning], object] = _ignore,
    base_url: str | None = None,
) -> Parsed:
    """A mapping as an article, or the reject that says why it is none.

    Args:
        row: field names and values.
        source: where it is from, for messages.
        line: the number of the line or record.
        warn: gets a warning for each field that was dropped.
        base_url: where relative addresses in the row start.
    """

    def tell(found: FieldWarning) -> None:
        warn(RowWarning(source, line, found.article_id, found.field, found.value, found.reason))

    try:
        return parse_article(row, warn=tell, base_url=base_url)
    except ArticleError as problem:
        return Reject(source, line, problem.article_id, problem.field, problem.value, problem.reason)
    except RecursionError:
        return Reject(source, line, None, None, "…", "is nested too deeply")


def rows(row: object, source: str, line: int, *, base_url: str | None = None) -> Iterator[Row]:
    """The same with its warnings: the article or the reject first, then what was dropped of the article."""
    warnings: list[RowWarning] = []
    yield parse_row(row, source, line, warn=warnings.append, base_url=base_url)
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


def cell_rows(cells: dict[str, object], source: str, line: int) -> Iterator[Row]:
    """The same for one row of a table, in which ``extra`` may be an object written as JSON."""
    extra, problem = cells.get("extra"), ""
    if isinstance(extra, str):
        try:
            cells["extra"] = orjson.loads(extra)
        except orjson.JSONDecodeError as found:
            problem = f"is not a JSON object: {found.msg}"
            del cells["extra"]
    for row in rows(cells, source, line):
        yield row
        if problem and isinstance(row, Article):
            yield RowWarning(source, line, row.id, "extra", truncated_repr(extra), problem)


def reject_cell(cells: Mapping[str, object], field: str, source: str, line: int, reason: str) -> Reject:
    """A reject for one cell of a table row."""
    article_id = cells.get("id") if field != "id" else None
    named = None if article_id is None else str(article_id).encode(errors="replace").decode()
    return Reject(source, line, named, field, truncated_repr(cells[field]), reason)


def column_names(names: Collection[str], source: str) -> list[str]:
    """The columns of a table by the fields that they are, however they are capitalised.

    Raises:
        SourceError: they cannot hold articles: ``id`` or ``title`` is missing, a name stands twice, or there are too
            many.
    """
    if len(names) > COLUMNS:
        raise SourceError(f"{source} has {len(names):,} columns, more than {COLUMNS:,}")
    found = [lower if (lower := name.lower()) in _FIELDS and lower not in names else name for name in names]
    for required in ("id", "title"):
        if required not in found:
            named = ", ".join(names) or "none"
            raise SourceError(
                f"{source} has no column {required!r} (found: {truncated_repr(named)}): name its columns by field"
            )
    for name, times in Counter(found).items():
        if name and times > 1:
            raise SourceError(f"{source} has {times} columns {name!r}: rename all but one")
    return found
