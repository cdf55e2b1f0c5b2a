"""Reads rows around damaged ones: broken JSON, invalid dates, bytes that are not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.exc import DataError, DBAPIError

from recommend.articles.article import Status
from recommend.store.rows import Unreadable, error_summary
from recommend.store.schema import articles

_AT_ONCE = 500
_NO_TEXT = "Could not decode to UTF-8"


def readable(connection: Connection, query: Select[Any]) -> list[Row[Any] | Unreadable]:
    """The rows of a query on articles, in its order, something else in the place of each that cannot be read."""
    try:
        return list(connection.execute(query).all())
    except Exception as problem:
        if not of_a_row(problem):
            raise
    return _one_by_one(connection, query, skipped=0)


def readable_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any] | Unreadable]]:
    """The same, as many at a time as the query says by ``yield_per``."""
    done = 0
    try:
        with connection.execute(query) as result:
            for rows in result.partitions():
                yield rows
                done += len(rows)
    except Exception as problem:
        if not of_a_row(problem):
            raise
    else:
        return
    yield _one_by_one(connection, query.execution_options(yield_per=None), skipped=done)


def _one_by_one(connection: Connection, query: Select[Any], *, skipped: int) -> list[Row[Any] | Unreadable]:
    remaining = query.with_only_columns(articles.c.revision).offset(skipped)
    revisions = [int(revision) for revision in connection.execute(remaining).scalars()]
    place = {revision: number for number, revision in enumerate(revisions)}
    salvaged: list[tuple[int, Row[Any] | Unreadable]] = []
    keyed = query.add_columns(articles.c.revision.label("salvaged"))
    for start in range(0, len(revisions), _AT_ONCE):
        some = revisions[start : start + _AT_ONCE]
        salvaged += ((place[_revision(row)], row) for row in _halved(connection, keyed, some))
    return [row for _, row in sorted(salvaged, key=lambda item: item[0])]


def _revision(row: Row[Any] | Unreadable) -> int:
    return row.revision if isinstance(row, Unreadable) else int(row.salvaged)


def _halved(connection: Connection, query: Select[Any], revisions: Sequence[int]) -> list[Row[Any] | Unreadable]:
    """The rows of some revisions. When reading them fails, each half is tried, down to the damaged rows (bisection)."""
    if not revisions:
        return []
    try:
        return list(connection.execute(query.where(articles.c.revision.in_(revisions))).all())
    except Exception as problem:
        if not of_a_row(problem):
            raise
        if len(revisions) == 1:
            return [_unreadable(connection, query, revisions[0], problem)]
    middle = len(revisions) // 2
    return _halved(connection, query, revisions[:middle]) + _halved(connection, query, revisions[middle:])


def _unreadable(connection: Connection, query: Select[Any], revision: int, problem: Exception) -> Unreadable:
    this = articles.c.revision == revision
    is_published = (articles.c.status == Status.PUBLISHED) & articles.c.deleted_at.is_(None)
    published = connection.execute(select(is_published).where(this)).scalar_one()
    reasons = dict[str, str]()
    for column in query.selected_columns:
        try:
            connection.execute(query.with_only_columns(column).where(this)).all()
        except Exception as wrong:
            if not of_a_row(wrong):
                raise
            reasons[str(column.name)] = f"{column.name} cannot be read: {error_summary(wrong)}"
    if "id" in reasons:
        known = bytes.fromhex(connection.execute(select(func.hex(articles.c.id)).where(this)).scalar_one())
        article_id = known.decode(errors="replace")
    else:
        article_id = connection.execute(select(articles.c.id).where(this)).scalar_one()
    reason = next(iter(reasons.values()), error_summary(problem))
    return Unreadable(article_id, revision, bool(published), reason)


def of_a_row(problem: Exception) -> bool:
    """Whether an error is due to the content of a row, and not to the database or the connection."""
    if isinstance(problem, DBAPIError):
        return isinstance(problem, DataError) or _NO_TEXT in str(problem.orig)
    return isinstance(problem, ValueError | TypeError | OverflowError)
