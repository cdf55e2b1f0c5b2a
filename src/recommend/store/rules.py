"""Rules in the database: the document that holds, and those before it. Runs in transactions of the store's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, insert, select

from recommend.articles.rule_documents import read_rules
from recommend.articles.rules import NO_RULES, RuleBook
from recommend.errors import RulesConflictError, RulesError
from recommend.store import revisions
from recommend.store.database import Watch, reading
from recommend.store.rows import error_summary
from recommend.store.salvage import of_a_row
from recommend.store.schema import rules

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RulesChange:
    """One document of rules that was put, by whom and when; it holds from its revision on until the next one."""

    revision: int
    changed_at: datetime
    changed_by: str
    book: RuleBook


class Rules:
    """The rules of a store, and their history."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    def get(self) -> RulesChange | None:
        """The rules that hold; None where there were never any."""
        with reading(self._engine) as connection:
            return _latest(connection)

    def put(self, book: RuleBook, by: str, *, over: int | None = None) -> int:
        """Puts other rules in the place of all; ``by`` goes into the history.

        Args:
            book: the rules.
            by: whose change it is.
            over: the revision of those that it takes the place of, 0 for none; None: whichever hold.

        Returns:
            The revision from which they hold; that of before when they are the same.

        Raises:
            RulesConflictError: when others hold than those of ``over``.
        """
        with self._watch.writing() as connection:
            revisions.lock(connection)
            present = _latest(connection)
            held = 0 if present is None else present.revision
            if over is not None and over != held:
                by_whom = "none" if present is None else f"those of revision {held}, by {present.changed_by}"
                raise RulesConflictError(
                    f"the rules are not those of revision {over} any more but {by_whom}: read them anew"
                )
            if book == (NO_RULES if present is None else present.book):
                return held or revisions.current(connection)
            revision = revisions.take(connection, 1)
            row = {"revision": revision, "changed_at": datetime.now(UTC), "changed_by": by, "document": book.document()}
            connection.execute(insert(rules).values(row))
        return revision

    def history(self, most: int = 50, before: int | None = None) -> list[RulesChange]:
        """The ``most`` latest documents, latest first; only those of revisions below ``before``, if that is given."""
        query = _newest_first().limit(most)
        if before is not None:
            query = query.where(rules.c.revision < before)
        with reading(self._engine) as connection:
            return [_change(row) for row in connection.execute(query)]

    def undo(self, revision: int, by: str) -> int:
        """Puts back what held before the change of a revision, and so takes back what came after it, too.

        Returns:
            The revision from which that holds.

        Raises:
            RulesError: when no change has the revision.
        """
        with reading(self._engine) as connection:
            if connection.execute(select(rules.c.revision).where(rules.c.revision == revision)).first() is None:
                raise RulesError(f"no change of the rules has revision {revision}; recommend rules history lists them")
        earlier = self.history(1, before=revision)
        return self.put(earlier[0].book if earlier else NO_RULES, by)


def restored(history: Sequence[RulesChange]) -> list[RulesChange | None]:
    """By change of a history, latest first, the latest before it that put the same rules, as an undo does; None where
    they are new there."""
    return [
        next((other for other in history[place + 1 :] if other.book == change.book), None)
        for place, change in enumerate(history)
    ]


def changed_since(connection: Connection, revision: int) -> RuleBook | None:
    """The rules that hold, when they were put after ``revision``; else None."""
    latest = select(rules.c.revision).order_by(rules.c.revision.desc()).limit(1)
    held = connection.execute(latest).scalar()
    if held is None or held <= revision:
        return None
    present = _latest(connection)
    return NO_RULES if present is None else present.book


def _newest_first() -> Select[Any]:
    return select(rules).order_by(rules.c.revision.desc())


def _latest(connection: Connection) -> RulesChange | None:
    try:
        row = connection.execute(_newest_first().limit(1)).first()
    except Exception as problem:
        if not of_a_row(problem):
            raise
        logger.error("the rules cannot be read, and none hold: %s", error_summary(problem))
        return None
    return None if row is None else _change(row)


def _change(row: Row[Any]) -> RulesChange:
    return RulesChange(row.revision, row.changed_at, row.changed_by, _book(row.document))


def _book(document: Any) -> RuleBook:
    """The rules of a document; without those that this release cannot read."""
    try:
        return read_rules(document)
    except RulesError as problem:
        logger.error("some rules are ignored: %s", problem)
    listed = document.get("rules") if isinstance(document, dict) else None
    return RuleBook(rules=tuple(rule for one in (listed if isinstance(listed, list) else ()) for rule in _one(one)))


def _one(given: Any) -> tuple[Any, ...]:
    try:
        return read_rules({"rules": [given]}).rules
    except RulesError:
        return ()
