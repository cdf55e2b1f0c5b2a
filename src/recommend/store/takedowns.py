"""The takedown log: a file beside an SQLite store that outlives it, so that a restore brings nothing back.

Each line is durable before the transaction it tells of is committed. A kill between the two leaves a line of a takedown
that was asked for but not acknowledged: a restore carries it out all the same.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from recommend.articles.article import Article, Status
from recommend.errors import StoreError
from recommend.files import PRIVATE, sync, write_private
from recommend.store.database import Watch, reading
from recommend.store.revisions import current
from recommend.store.rows import some_at_a_time
from recommend.store.schema import articles, lineage

INCOMPLETE = sys.maxsize  # "complete since" of a log whose first line is missing


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The withdrawal of an article (takedown, other status or expiry) at a revision.

    Attributes:
        status: the one it got, None when it was taken down.
        expires_at: when it ceases to be seen, None when that was not the point.
    """

    revision: int
    article_id: str
    status: str | None
    expires_at: datetime | None


logger = logging.getLogger(__name__)


class TakedownLog:
    """The log of one store, by the store's identity; complete from the revision it was begun at."""

    def __init__(self, database: Path, store: str) -> None:
        self.path = database.with_name(f"{database.name}.takedowns-{store[:8]}")
        self._database = database

    def begin(self, revision: int) -> None:
        """Creates the log, complete from after ``revision`` on. To be called while no other process can write."""
        if not self.path.exists():
            self._append([{"complete_since": revision}])

    def append(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Adds lines, durable when this returns. To be called within the transaction that they are about.

        Raises:
            StoreError: when they cannot be written; the transaction must not be committed then.
        """
        self._append([asdict(withdrawal) for withdrawal in withdrawals])

    def read(self) -> tuple[int, list[Withdrawal]] | None:
        """From which revision the log is complete, and its entries; None when there is no log.

        Raises:
            StoreError: when a line in the middle is damaged. The last may be torn: it was never acknowledged.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise StoreError(f"takedown log {self.path} cannot be read: {problem}") from None
        lines.pop()  # nothing, or a torn line
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(filter(None, lines), start=1):
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                if line.endswith(_TORN):
                    continue
                raise StoreError(f"takedown log {self.path}: line {number} is damaged; mend or remove it") from None
        since = next((int(row["complete_since"]) for row in rows if "complete_since" in row), INCOMPLETE)
        return since, [_withdrawal(row) for row in rows if "article_id" in row]

    def _append(self, rows: list[dict[str, Any]]) -> None:
        content = b"".join(orjson.dumps(row, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE) for row in rows)
        if not content:
            return
        new = not self.path.exists()
        try:
            if new:
                write_private(self.path)
                # who may write to one may write to the other, and its owner even where the store is read-only for now
                self.path.chmod(self._database.stat().st_mode & 0o777 | PRIVATE)
            with self.path.open("ab+") as file:
                if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    content = _TORN + b"\n" + content  # closes a line that a kill tore
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync(self.path.parent)
        except OSError as problem:
            raise StoreError(f"takedown log {self.path}: the change was not written: {problem}") from problem


class Takedowns:
    """Notes what articles are withdrawn from an SQLite store in its log; PostgreSQL has its own archiving, and no log.

    Within the transactions that it is called in, no other process can write.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._logs = engine.dialect.name == "sqlite"

    def log(self, connection: Connection) -> TakedownLog | None:
        """The log of the store as it is now; None on PostgreSQL."""
        if not self._logs:
            return None
        origin = connection.execute(select(lineage.c.store).limit(1)).scalar_one()  # another after a restore
        return TakedownLog(Path(str(self._engine.url.database)), origin)

    def begin(self, watch: Watch) -> None:
        """Creates the log where there is none; on a disk that takes no changes, the first withdrawal does."""
        with reading(self._engine) as connection:
            log = self.log(connection)
        if log is None or log.path.exists():
            return
        try:
            with watch.writing() as connection:
                log = self.log(connection)
                if log is not None:
                    log.begin(current(connection))
        except StoreError as problem:
            logger.warning("the takedown log is begun with the first takedown: %s", problem)

    def note_takedown(self, connection: Connection, article_id: str, revision: int) -> None:
        """Logs the takedown of an article.

        Raises:
            StoreError: when that cannot be written; the transaction must not be committed then.
        """
        log = self.log(connection)
        if log is not None:
            log.begin(revision - 1)
            log.append([Withdrawal(revision, article_id, None, None)])

    def note_changes(self, connection: Connection, new: Iterable[Article], revisions: Mapping[str, int]) -> None:
        """Logs the published articles that these changes withdraw, by another status or a new expiry.

        Args:
            connection: in whose transaction they are about to be written.
            new: articles as they will be.
            revisions: of each, by id.

        Raises:
            StoreError: as :meth:`note_takedown`.
        """
        ends = {a.id: a for a in new if a.status != Status.PUBLISHED or a.expires_at is not None}
        log = self.log(connection) if ends else None
        if log is None:
            return
        log.begin(min(revisions.values()) - 1)
        query = select(articles.c.id, articles.c.expires_at).where(articles.c.status == Status.PUBLISHED)
        for some in some_at_a_time(ends):
            log.append(
                Withdrawal(revisions[row.id], row.id, str(ends[row.id].status), ends[row.id].expires_at)
                for row in connection.execute(query.where(articles.c.id.in_(some)))
                if ends[row.id].status != Status.PUBLISHED or ends[row.id].expires_at != row.expires_at
            )


_TORN = b"#torn"


def _withdrawal(row: dict[str, Any]) -> Withdrawal:
    expires = row["expires_at"]
    return Withdrawal(
        row["revision"],
        row["article_id"],
        row["status"],
        None if expires is None else datetime.fromisoformat(expires),
    )
