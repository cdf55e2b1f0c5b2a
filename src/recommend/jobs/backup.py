"""Backup and restore of an SQLite store. A restore keeps gone what was taken down after the backup was made."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, text, update

from recommend.errors import OutputError, SnapshotError, StoreError, truncated_repr
from recommend.files import PRIVATE, Kept, Kind, check_output, starts_with, whole, write_private
from recommend.index.snapshot.catalog import list_snapshots
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.publishing import locked, publish
from recommend.store import Store
from recommend.store.database import open_engine, reading
from recommend.store.schema import articles, boilerplate, counter, embeddings, lineage, metadata, tombstone
from recommend.store.sqlite import store_files
from recommend.store.takedowns import TakedownLog, Withdrawal

_GAP = 1_000_000  # more changes than a store that is lost has seen since the last that is known of


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        articles: published ones that are there now.
        withdrawn: articles that were taken down since, and those in the backup that were unpublished or set to expire.
        revision: the store's now; higher than every revision handed out before.
        snapshot: the live one that is valid now; None when ``recommend reindex`` has to make one first.
    """

    articles: int
    withdrawn: int
    revision: int
    snapshot: str | None


def backup(store: Store, target: Path, *, kept: Iterable[Kept] = (), force: bool = False) -> int:
    """Writes a consistent copy of the store, as of one moment, while others write to it; whole or not at all, and for
    its owner alone to read.

    Args:
        store: on SQLite, of any schema.
        target: the file.
        kept: what it must not be, beside the files of the store itself.
        force: replace what exists there, though it is no backup.

    Returns:
        Its revision.

    Raises:
        StoreError: for a store on PostgreSQL, or when the copy cannot be written.
        OutputError: when it would take the place of something else than a backup.
    """
    _sqlite_file(store.engine)
    own = [Kept(file, "the store") for file in store_files(str(store.engine.url))]
    check_output("--out", target, BACKUP, [*own, *kept], force=force)
    if target.exists() and not target.is_file():
        raise OutputError(f"--out {truncated_repr(target)} is not a file, which a database has to be")
    try:
        with whole(target) as temp_path:
            temp_path.chmod(PRIVATE)
            _copy(store.engine, temp_path)
            _check(temp_path)
            with closing(sqlite3.connect(temp_path)) as copy:
                return int(copy.execute("SELECT value FROM revision").fetchone()[0])
    except (sqlite3.Error, OSError) as problem:
        raise StoreError(f"backup {target} was not written: {problem}") from problem


def _copy(engine: Engine, target: Path) -> None:
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        readonly = cursor.execute("PRAGMA query_only").fetchone()[0]
        cursor.execute("PRAGMA query_only=OFF")  # else nothing is written into the new file either
        try:
            cursor.execute("VACUUM INTO ?", (str(target),))
        finally:
            cursor.execute(f"PRAGMA query_only={readonly}")


def _is_backup(path: Path) -> bool:
    """Whether a file is a database of SQLite's that was never opened to be written to: a store in use logs ahead."""
    if not starts_with(path, b"SQLite format 3\0"):
        return False
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\1\1"


BACKUP = Kind("a backup", _is_backup)


def restore(store: Store, source: Path, layout: IndexLayout, *, accept_lost_takedowns: bool = False) -> Restored:
    """Puts the articles of a backup in the place of those in the store, in one transaction.

    What was withdrawn since stays withdrawn: by what the store still holds, and by the takedown log beside it. Into a
    store of the same origin only articles and embeddings are restored; curation, keys and events stay as they are.
    Revisions after the backup's are rolled back: processes that answer notice, and open a snapshot that still holds, or
    answer 503 until there is one.

    Raises:
        StoreError: when the backup is damaged, of another store than the articles here, or the store itself, or when
            nothing tells what was taken down since and that is not accepted.
        SnapshotError: when a job is at work on the index.
    """
    file = _sqlite_file(store.engine)
    if any(Kept(one, "the store").holds(source) for one in store_files(str(store.engine.url))):
        raise StoreError(
            f"{truncated_repr(source)} is the store itself or a part of it, not a backup; nothing was changed"
        )
    with locked(layout), _copied(source, file) as copy:
        origin, since = _identity(copy)
        with store.engine.connect().execution_options(writes=True) as connection:
            raw = connection.connection.cursor()
            raw.execute("ATTACH DATABASE ? AS backup", (str(copy.url.database),))
            try:
                with connection.begin():
                    withdrawn = _transfer(connection, file, origin, since, layout, accept_lost_takedowns)
            finally:
                raw.execute("DETACH DATABASE backup")
                raw.close()
        snapshot = _publish_valid(store, layout)
    counts = store.counts()
    return Restored(counts["published"], withdrawn, store.latest_revision(), snapshot)


def _transfer(
    connection: Connection, file: Path, origin: str, since: int, layout: IndexLayout, accept_lost_takedowns: bool
) -> int:
    same = connection.execute(select(lineage.c.store).limit(1)).scalar_one() == origin
    if not same and connection.execute(select(articles.c.id).limit(1)).first() is not None:
        raise StoreError(f"{file} holds articles of another store than the backup; give a new file as --store")
    log = TakedownLog(file, origin)
    logged = log.read()
    if not same and not accept_lost_takedowns and (logged is None or logged[0] > since):
        raise StoreError(
            f"nothing tells what was taken down since the backup: put the takedown log back as {log.path}, "
            "or accept with --accept-lost-takedowns that articles taken down since are shown again"
        )
    entries = [] if logged is None else logged[1]
    withdrawals = _withdrawals(connection, entries, since) if same else {w.article_id: w for w in _last(entries, since)}
    first = _free_revision(connection, entries, since, layout, lost=not same)
    for table in (articles, embeddings, boilerplate) if same else metadata.sorted_tables:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        connection.execute(delete(table))
        connection.execute(text(f"INSERT INTO main.{table.name} ({names}) SELECT {names} FROM backup.{table.name}"))  # noqa: S608
    revision = _withdraw(connection, withdrawals, first)
    connection.execute(update(counter).values(value=revision))
    now = datetime.now(UTC)
    connection.execute(insert(lineage).values(revision=first, since=since, store=origin, begun_at=now))
    log.begin(first)
    return revision - first


def _last(entries: list[Withdrawal], since: int) -> Iterator[Withdrawal]:
    """The entries after the backup; a takedown counts whatever came later."""
    yield from sorted((e for e in entries if e.revision > since), key=lambda e: (e.status is None, e.revision))


def _withdrawals(connection: Connection, entries: list[Withdrawal], since: int) -> dict[str, Withdrawal]:
    """What is withdrawn by the store that is replaced, and by entries of the log that it has no later state of."""
    columns = (articles.c.id, articles.c.revision, articles.c.status, articles.c.expires_at, articles.c.deleted_at)
    rows = connection.execute(select(*columns).where(articles.c.revision > since)).all()
    held = {row.id: row.revision for row in rows}
    withdrawals = {e.article_id: e for e in _last(entries, since) if held.get(e.article_id, 0) < e.revision}
    for row in rows:
        if row.deleted_at is not None or row.status != "published" or row.expires_at is not None:
            status = None if row.deleted_at is not None else row.status
            withdrawals.setdefault(row.id, Withdrawal(row.revision, row.id, status, row.expires_at))
    return withdrawals


def _free_revision(
    connection: Connection, entries: list[Withdrawal], since: int, layout: IndexLayout, *, lost: bool
) -> int:
    """A revision above every one that was handed out, as far as anything here tells."""
    snapshots = [one.manifest.revision for one in list_snapshots(layout) if one.manifest is not None]
    known = [connection.execute(select(counter.c.value)).scalar_one(), since, *snapshots]
    return int(max(*known, *(entry.revision for entry in entries))) + (_GAP if lost else 1)


def _withdraw(connection: Connection, withdrawals: Mapping[str, Withdrawal], revision: int) -> int:
    """Takes out of the restored articles what was withdrawn, each under a revision of its own; returns the last."""
    held = select(articles.c.id, articles.c.status, articles.c.expires_at, articles.c.deleted_at)
    this = articles.c.id == bindparam("this")
    for article_id, withdrawal in sorted(withdrawals.items()):
        row = connection.execute(held.where(this), {"this": article_id}).first()
        if row is None and withdrawal.status is None:  # else a nightly file would bring it back
            connection.execute(insert(articles).values(id=article_id, **tombstone(revision + 1)))
            revision += 1
        if row is None or row.deleted_at is not None:
            continue
        values: dict[str, Any] = tombstone(revision + 1)
        if withdrawal.status is None:
            connection.execute(delete(embeddings).where(embeddings.c.article_id == article_id))
        elif row.status == "published":
            expires = withdrawal.expires_at or row.expires_at
            values = {"status": withdrawal.status, "expires_at": expires, "content_hash": b"", "revision": revision + 1}
        else:
            continue
        connection.execute(update(articles).where(this).values(values), {"this": article_id})
        revision += 1
    return revision


def _publish_valid(store: Store, layout: IndexLayout) -> str | None:
    """Makes the newest snapshot that a restore left valid the live one, unless the live one is."""
    listed = [one for one in list_snapshots(layout) if one.manifest and not store.is_rolled_back(one.manifest.revision)]
    for one in sorted(listed, key=lambda one: not one.live):
        if one.live:
            return one.name
        try:
            publish(layout, one.name)
        except SnapshotError:  # the doctor tells of it
            continue
        return one.name
    return None


@contextmanager
def _copied(source: Path, file: Path) -> Iterator[Engine]:
    """A copy of the backup beside the store, checked and brought to the present schema."""
    copy = file.with_name(f"{file.name}.restoring")
    engine = None
    _remove(copy)  # by a restore that was killed
    try:
        try:
            write_private(copy)
            shutil.copyfile(source, copy)
            _check(copy)
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(f"backup {source} cannot be used: {problem}") from None
        engine = open_engine(f"sqlite:///{copy}")
        yield engine
    finally:
        if engine is not None:
            engine.dispose()
        _remove(copy)


def _remove(database: Path) -> None:
    for path in (database, *database.parent.glob(f"{database.name}-*")):
        path.unlink(missing_ok=True)


def _check(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        if problems != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(problems))
        connection.execute("SELECT version_num FROM alembic_version")


def _identity(engine: Engine) -> tuple[str, int]:
    with reading(engine) as connection:
        origin = connection.execute(select(lineage.c.store).order_by(lineage.c.revision).limit(1)).scalar_one()
        return origin, connection.execute(select(func.max(counter.c.value))).scalar_one()


def _sqlite_file(engine: Engine) -> Path:
    if engine.dialect.name != "sqlite":
        raise StoreError(
            f"store {engine.url.render_as_string()}: PostgreSQL brings its own: pg_dump and pg_restore, or its "
            "continuous archiving; docs/operating.md says what to do about takedowns"
        )
    return Path(str(engine.url.database))
