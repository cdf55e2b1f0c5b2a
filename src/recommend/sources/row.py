"""What every source yields: an article, or a reject that says what was wrong and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

import orjson

from recommend.article import Article, parse_article
from recommend.errors import ArticleError, SourceError, shown


@dataclass(frozen=True, slots=True)
class Reject:
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

    source: str
    line: int | None
    article_id: str | None
    field: str | None
    value: str
    reason: str

    def as_json(self) -> dict[str, object]:
        """The fields by name, ready for a JSON writer."""
        return asdict(self)


Row = Article | Reject


def parse_row(row: object, source: str, line: int) -> Row:
    """A mapping as an article, or the reject that says why it is none."""
    try:
        return parse_article(row)
    except ArticleError as problem:
        return Reject(source, line, problem.article_id, problem.field, problem.value, problem.reason)
    except RecursionError:
        return Reject(source, line, None, None, "…", "is nested too deeply")


def parse_cells(cells: dict[str, object], source: str, line: int) -> Row:
    """The same for one row of a table, in which ``extra`` may be an object written as JSON."""
    extra = cells.get("extra")
    if isinstance(extra, str):
        try:
            cells["extra"] = orjson.loads(extra)
        except orjson.JSONDecodeError as problem:
            return reject_cell(cells, "extra", source, line, f"is not a JSON object: {problem.msg}")
    return parse_row(cells, source, line)


def reject_cell(cells: Mapping[str, object], field: str, source: str, line: int, reason: str) -> Reject:
    """A reject for one cell of a table row."""
    article_id = cells.get("id") if field != "id" else None
    named = None if article_id is None else str(article_id).encode(errors="replace").decode()
    return Reject(source, line, named, field, shown(cells[field]), reason)


def check_columns(names: Collection[str], source: str) -> None:
    """Raises SourceError unless the columns of a table can hold articles: ``id`` and ``title``, no name twice."""
    for required in ("id", "title"):
        if required not in names:
            found = ", ".join(names) or "none"
            raise SourceError(f"{source} has no column {required!r} (found: {shown(found)}): name its columns by field")
    for name, times in Counter(names).items():
        if name and times > 1:
            raise SourceError(f"{source} has {times} columns {name!r}: rename all but one")
