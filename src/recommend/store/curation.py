"""Editors' curation in the database: the present state of each article, and who changed what. Runs in transactions of
the store's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, insert, select, update

from recommend.articles.curation import UNCURATED, UNREADABLE, Curation
from recommend.store import revisions
from recommend.store.database import Watch, reading
from recommend.store.rows import error_summary
from recommend.store.salvage import of_a_row
from recommend.store.schema import curation, curation_log

logger = logging.getLogger(__name__)

TAKEDOWN = "takedown"
"""Stands for who changed a curation when the article itself was taken down."""


@dataclass(frozen=True, slots=True)
class CurationChange:
    """One line of the audit trail; ``before`` and ``after`` are None where there was or is no curation."""

    revision: int
    changed_at: datetime
    changed_by: str
    before: Curation | None
    after: Curation | None


class Curations:
    """The curations of articles, which need not be stored."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    def put(self, article_id: str, curation: Curation, by: str) -> int:
        """Replaces the curation of an article, which need not be stored; ``by`` goes into the audit trail.

        Returns:
            The revision from which it holds; that of before when it is the same.
        """
        with self._watch.writing() as connection:
            revisions.lock(connection)
            present = find(connection, article_id)
            if present is not None and present[0] == curation:
                return present[1]
            revision = revisions.take(connection, 1)
            before = None if present is None else present[0]
            replace(connection, article_id, before, curation, revision, by)
        return revision

    def change(self, article_id: str, act: Callable[[Curation], Curation], by: str) -> int:
        """Puts what ``act`` makes of the present curation in its place, in one transaction: two editors at work at once
        lose nothing. As :meth:`put` else."""
        with self._watch.writing() as connection:
            revisions.lock(connection)
            present = find(connection, article_id)
            before = UNCURATED if present is None else present[0]
            after = act(before)
            if after == before:
                return revisions.current(connection) if present is None else present[1]
            revision = revisions.take(connection, 1)
            replace(connection, article_id, None if present is None else before, after, revision, by)
        return revision

    def log(self, most: int, before: int | None = None) -> list[tuple[str, CurationChange]]:
        """The ``most`` latest changes of all curations, each with the article's id, latest first; only those of
        revisions below ``before``, if that is given."""
        query = select(curation_log).order_by(curation_log.c.revision.desc()).limit(most)
        if before is not None:
            query = query.where(curation_log.c.revision < before)
        with reading(self._engine) as connection:
            return [(row.article_id, _change(row)) for row in connection.execute(query)]

    def entry(self, revision: int) -> tuple[str, CurationChange] | None:
        """The change that took a revision, with the article's id; None where there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(select(curation_log).where(curation_log.c.revision == revision)).first()
            return None if row is None else (row.article_id, _change(row))

    def get(self, article_id: str, *, most: int = 50) -> tuple[Curation, list[CurationChange]] | None:
        """The curation of an article and its ``most`` latest changes, latest first; None when there is none."""
        with reading(self._engine) as connection:
            present = find(connection, article_id)
            return None if present is None else (present[0], history(connection, article_id, most))


def find(connection: Connection, article_id: str) -> tuple[Curation, int] | None:
    """The curation of an article and its revision."""
    mine = curation.c.article_id == article_id
    revision = connection.execute(select(curation.c.revision).where(mine)).scalar()
    return None if revision is None else (_one(connection, article_id), int(revision))


def changed_since(connection: Connection, revision: int) -> dict[str, Curation | None]:
    """By article, every curation that changed after ``revision``; None where it was erased."""
    remains = exists().where(curation.c.article_id == curation_log.c.article_id)
    erased = select(curation_log.c.article_id).where(curation_log.c.revision > revision, ~remains)
    since = curation.c.revision > revision
    try:
        written = {row.article_id: _curation(row) for row in connection.execute(select(curation).where(since))}
    except Exception as problem:
        if not of_a_row(problem):
            raise
        ids = connection.execute(select(curation.c.article_id).where(since)).scalars().all()
        written = {article_id: _one(connection, article_id) for article_id in ids}
    return dict.fromkeys(connection.execute(erased).scalars()) | written


def history(connection: Connection, article_id: str, limit: int) -> list[CurationChange]:
    """The latest changes, newest first."""
    query = select(curation_log).where(curation_log.c.article_id == article_id)
    rows = connection.execute(query.order_by(curation_log.c.revision.desc()).limit(limit))
    return [_change(row) for row in rows]


def replace(
    connection: Connection, article_id: str, before: Curation | None, after: Curation | None, revision: int, by: str
) -> None:
    """Puts ``after`` in the place of ``before``, and a line into the audit trail."""
    mine = curation.c.article_id == article_id
    if after is None:
        connection.execute(delete(curation).where(mine))
    else:
        values = {**after.model_dump(mode="json"), "hidden_until": after.hidden_until, "revision": revision}
        statement = insert(curation).values(article_id=article_id) if before is None else update(curation).where(mine)
        connection.execute(statement.values(values))
    connection.execute(
        insert(curation_log).values(
            revision=revision,
            article_id=article_id,
            changed_at=datetime.now(UTC),
            changed_by=by,
            before=None if before is None else before.model_dump(mode="json"),
            after=None if after is None else after.model_dump(mode="json"),
        )
    )


def _one(connection: Connection, article_id: str) -> Curation:
    """The curation of an article that has one, be it unreadable."""
    try:
        return _curation(connection.execute(select(curation).where(curation.c.article_id == article_id)).one())
    except Exception as problem:
        if not of_a_row(problem):
            raise
        logger.warning("the curation of article %r cannot be read: %s", article_id, error_summary(problem))
        return UNREADABLE


def _curation(row: Row[Any]) -> Curation:
    return Curation(pinned=row.pinned, blocked=row.blocked, hidden_until=row.hidden_until)


def _change(row: Row[Any]) -> CurationChange:
    return CurationChange(row.revision, row.changed_at, row.changed_by, _parsed(row.before), _parsed(row.after))


def _parsed(value: Mapping[str, Any] | None) -> Curation | None:
    return None if value is None else Curation.model_validate(value)
