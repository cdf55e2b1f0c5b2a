"""The store is the truth: articles, their embeddings, and a strictly increasing revision for every change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Join, Row, and_, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from recommend.article import Article, Status, canonical_url
from recommend.curation import Curation
from recommend.errors import StoreError
from recommend.store import curation as curations
from recommend.store.curation import TAKEDOWN, CurationChange
from recommend.store.database import Watch, open_engine, reading
from recommend.store.events import EventLog
from recommend.store.keys import Keys
from recommend.store.schema import articles, counter, embeddings, lineage, tombstone
from recommend.store.takedowns import TakedownLog, Withdrawal

FloatArray = NDArray[np.float32]
VECTOR_DTYPE = np.dtype("<f2")

_IDS_A_QUERY = 500
_ROWS_A_BATCH = 2000
_RETRY_SECONDS = 1.0
_FIELDS = tuple(name for name in Article.model_fields)
_FIELD_SET = set(_FIELDS)  # one for all articles: of its own, each would take more memory than the article
_ARTICLE = [articles.c[name] for name in _FIELDS]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of an id: revision, hashes of its content and text, and whether it was taken down."""

    revision: int
    content_hash: bytes
    text_hash: bytes
    deleted: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The state of one article at its latest revision.

    ``article`` is None after a takedown. ``embedding`` is (d,) float32 of unit length, or None when the article has
    none from the encoder that was asked for.
    """

    revision: int
    article_id: str
    article: Article | None
    embedding: FloatArray | None


@dataclass(frozen=True, slots=True)
class Published:
    """A published article.

    ``content_hash`` is empty where a restore changed the row. ``article`` is None where the reader holds it as it is.
    ``embedding`` is (d,) float32 of unit length, or None when the article has none from the encoder that was asked for.
    """

    article_id: str
    content_hash: bytes
    article: Article | None
    embedding: FloatArray | None


@dataclass(frozen=True, slots=True)
class News:
    """What happened up to ``revision``: changes of articles in order, and the present curation of each article whose
    curation changed, None where it was erased."""

    revision: int
    changes: list[Change]
    curations: dict[str, Curation | None]


class HasText(Protocol):
    """An article, or as much of it as names the text that an embedding was made from."""

    @property
    def id(self) -> str: ...
    @property
    def text_hash(self) -> bytes: ...


class Store:
    """Articles in a database. Safe to share between threads; every write is durable when the method returns.

    Attributes:
        keys: the API keys of the service.
    """

    def __init__(self, url: str, *, staleness: float = 0.25) -> None:
        """Opens ``url`` (``sqlite:///FILE`` or ``postgresql://…``), creating or migrating its schema.

        Args:
            url: an SQLAlchemy database URL.
            staleness: seconds for which :meth:`latest_revision` and :meth:`Keys.find` may repeat themselves where the
                database cannot tell for free whether anything changed (PostgreSQL; SQLite always tells at once). What
                was written through this object they tell at once.

        Raises:
            StoreError: when it cannot be opened.
        """
        self._engine = open_engine(url)
        self._insert = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        self._watch = Watch(self._engine, staleness)
        self.events = EventLog(self._engine)
        self._seen: tuple[int, int] | None = None
        self._failed: tuple[float, StoreError] | None = None
        self.keys = Keys(self._engine, self._watch)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        if self._is_sqlite:
            self._begin_log()

    @property
    def engine(self) -> Engine:
        """The database's engine, for what looks at its tables as a whole."""
        return self._engine

    def close(self) -> None:
        """Closes all connections."""
        self._watch.close()
        self._engine.dispose()

    def put(
        self, changes: Sequence[tuple[Article, FloatArray | None]], fingerprint: str, *, republish: bool = True
    ) -> list[int]:
        """Writes articles, each with its embedding (d,), in one transaction.

        None for an embedding keeps the stored one, which counts as long as title and body are those it was made from.
        A later pair of the same id wins. An id that was taken down is published again if ``republish``, else left out.

        Returns:
            The revision of each pair, in order; pairs that a later one replaced get that one's, those left out 0.
        """
        latest = {article.id: (article, vector) for article, vector in changes}
        if not latest:
            return []
        with self._watch.writing() as connection:
            if not republish:
                for article_id in self._taken_down(connection, list(latest)):
                    del latest[article_id]
            first = self._next_revisions(connection, len(latest))
            revisions = dict(zip(latest, range(first, first + len(latest)), strict=True))
            self._log_withdrawals(connection, [article for article, _ in latest.values()], revisions)
            self._upsert(connection, articles, [_row(a, revisions[a.id]) for a, _ in latest.values()])
            vectors = [_embedding_row(a, v, fingerprint) for a, v in latest.values() if v is not None]
            self._upsert(connection, embeddings, vectors)
        return [revisions.get(article.id, 0) for article, _ in changes]

    def put_embeddings(
        self, vectors: Sequence[tuple[HasText, FloatArray]], fingerprint: str, *, announce: bool = False
    ) -> None:
        """Adds embeddings of articles that are already stored; those whose text has changed since, or that were taken
        down, get none. No revision changes, unless ``announce``: then readers of the live snapshot take them up."""
        if not vectors:
            return
        with self._watch.writing() as connection:
            present = self._text_hashes(connection, [text.id for text, _ in vectors])
            rows = [_embedding_row(t, v, fingerprint) for t, v in vectors if present.get(t.id) == t.text_hash]
            self._upsert(connection, embeddings, rows)
            if announce and rows:
                first = self._next_revisions(connection, len(rows))
                this = update(articles).where(articles.c.id == bindparam("this")).values(revision=bindparam("next"))
                numbered = enumerate((row["article_id"] for row in rows), start=first)
                connection.execute(this, [{"this": article_id, "next": revision} for revision, article_id in numbered])

    def delete(self, article_id: str) -> int | None:
        """Takes an article down: its content, embeddings and curation are erased and a tombstone stays.

        Returns:
            The revision of the takedown, or None when there was nothing to take down.
        """
        with self._watch.writing() as connection:
            _lock(connection)
            live = and_(articles.c.id == article_id, articles.c.deleted_at.is_(None))
            if connection.execute(select(articles.c.id).where(live)).first() is None:
                return None
            revision = self._next_revisions(connection, 1)
            if self._is_sqlite:
                self._log(connection).append([Withdrawal(revision, article_id, None, None)])
            connection.execute(update(articles).where(live).values(tombstone(revision)))
            connection.execute(delete(embeddings).where(embeddings.c.article_id == article_id))
            curated = curations.find(connection, article_id)
            if curated is not None:
                curations.replace(connection, article_id, curated[0], None, revision, TAKEDOWN)
        return revision

    def put_curation(self, article_id: str, curation: Curation, by: str) -> int:
        """Replaces the curation of an article, which need not be stored; ``by`` goes into the audit trail.

        Returns:
            The revision from which it holds; that of before when it is the same.
        """
        with self._watch.writing() as connection:
            _lock(connection)
            present = curations.find(connection, article_id)
            if present is not None and present[0] == curation:
                return present[1]
            revision = self._next_revisions(connection, 1)
            before = None if present is None else present[0]
            curations.replace(connection, article_id, before, curation, revision, by)
        return revision

    def curation(self, article_id: str, *, most: int = 50) -> tuple[Curation, list[CurationChange]] | None:
        """The curation of an article and its ``most`` latest changes, latest first; None when there is none."""
        with reading(self._engine) as connection:
            present = curations.find(connection, article_id)
            return None if present is None else (present[0], curations.history(connection, article_id, most))

    def known(self, ids: Iterable[str]) -> dict[str, Known]:
        """What is held of each of ``ids``; ids never seen are left out."""
        query = select(*(articles.c[name] for name in ("id", "revision", "content_hash", "text_hash", "deleted_at")))
        found: dict[str, Known] = {}
        remaining = iter(ids)
        with reading(self._engine) as connection:
            while some := list(islice(remaining, _IDS_A_QUERY)):
                for row in connection.execute(query.where(articles.c.id.in_(some))):
                    found[row.id] = Known(row.revision, row.content_hash, row.text_hash, row.deleted_at is not None)
        return found

    def embedded(self, ids: Iterable[str], fingerprint: str) -> dict[str, bytes]:
        """The text hash from which each of ``ids`` was embedded by the encoder of ``fingerprint``."""
        query = select(embeddings.c.article_id, embeddings.c.text_hash).where(embeddings.c.fingerprint == fingerprint)
        found: dict[str, bytes] = {}
        remaining = iter(ids)
        with reading(self._engine) as connection:
            while some := list(islice(remaining, _IDS_A_QUERY)):
                rows = connection.execute(query.where(embeddings.c.article_id.in_(some)))
                found.update((row.article_id, row.text_hash) for row in rows)
        return found

    def get(self, article_id: str) -> Article | None:
        """The article as it stands, of any status; None when unknown or taken down."""
        query = select(*_ARTICLE).where(articles.c.id == article_id, articles.c.deleted_at.is_(None))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _article(row)

    def revision_of(self, article_id: str) -> int | None:
        """The revision at which the article last changed; None when unknown or taken down."""
        query = select(articles.c.revision).where(articles.c.id == article_id, articles.c.deleted_at.is_(None))
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def find_url(self, url: str) -> str | None:
        """The id of the published article whose canonical URL is that of ``url``; the newest one when several are."""
        query = (
            select(articles.c.id)
            .where(articles.c.canonical_url == canonical_url(url), articles.c.status == Status.PUBLISHED)
            .order_by(articles.c.revision.desc())
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def latest_revision(self) -> int:
        """The highest revision committed by any process; microseconds when nothing changed since the last call.

        Raises:
            StoreError: when that cannot be told. A server that cannot be reached is tried again once a second.
        """
        version = self._watch.version()
        seen = self._seen
        if seen is None or seen[0] != version:
            if self._failed is not None and monotonic() - self._failed[0] < _RETRY_SECONDS:
                raise self._failed[1].with_traceback(None)
            try:
                with reading(self._engine) as connection:
                    seen = (version, connection.execute(select(counter.c.value)).scalar_one())
            except StoreError as problem:
                self._failed = None if self._is_sqlite else (monotonic(), problem)
                raise
            self._seen, self._failed = seen, None
        return seen[1]

    def takedown_log(self) -> TakedownLog | None:
        """The log that outlives the store; None on PostgreSQL, which has its own archiving."""
        if not self._is_sqlite:
            return None
        with reading(self._engine) as connection:
            return self._log(connection)

    def is_void(self, revision: int) -> bool:
        """Whether a restore undid this revision: what was read then need not hold any more."""
        undone = exists().where(lineage.c.since < revision, lineage.c.revision > revision)
        with reading(self._engine) as connection:
            latest = connection.execute(select(counter.c.value)).scalar_one()
            return revision > latest or bool(connection.execute(select(undone)).scalar_one())

    def check(self) -> None:
        """Reads one row.

        Raises:
            StoreError: when the database cannot be read.
        """
        with reading(self._engine) as connection:
            connection.execute(select(counter.c.value)).scalar_one()

    def check_writable(self) -> None:
        """Writes something that means nothing, the first time and after a write that was refused.

        Raises:
            StoreError: when the database refuses (disk full, read-only, locked for too long).
        """
        if self._watch.writable:
            return
        with self._watch.writing() as connection:
            if self._is_sqlite:  # which would skip an update to the same value
                number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
                connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % 2**31}")
            else:
                connection.execute(update(counter).values(value=counter.c.value))
        self._watch.writable = True

    def changes(self, since: int, fingerprint: str) -> list[Change]:
        """Every article that changed after revision ``since``, in the order of revisions."""
        return self.news(since, since, fingerprint).changes

    def news(self, since: int, curated_since: int, fingerprint: str) -> News:
        """What changed after revision ``since``, and the curations after ``curated_since``, at one moment."""
        columns = [*_ARTICLE, articles.c.revision, articles.c.deleted_at, embeddings.c.vector]
        query = select(*columns).select_from(_with_vectors(fingerprint))
        query = query.where(articles.c.revision > since).order_by(articles.c.revision)
        version = self._watch.version()
        with reading(self._engine) as connection:
            revision = connection.execute(select(counter.c.value)).scalar_one()
            changes = [_change(row) for row in connection.execute(query)]
            news = News(revision, changes, curations.changed_since(connection, curated_since))
        self._seen = (version, revision)  # else latest_revision might lag behind what its caller knows
        return news

    def changed_since(self, revision: int) -> int:
        """How many articles changed after ``revision``."""
        query = select(func.count()).select_from(articles).where(articles.c.revision > revision)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def ids_since(self, revision: int) -> list[str]:
        """Ids of the articles, of any status and taken down ones, too, that changed after ``revision``."""
        query = select(articles.c.id).where(articles.c.revision > revision).order_by(articles.c.id)
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    @contextmanager
    def published(
        self, fingerprint: str, held: Mapping[str, bytes] = MappingProxyType({})
    ) -> Iterator[tuple[int, Iterator[Published]]]:
        """All published articles, those that the encoder of ``fingerprint`` has embedded with that embedding, as of one
        revision.

        Args:
            fingerprint: of the encoder.
            held: by id, the content hash of what the reader has already: as long as an article has that and an
                embedding, its texts are not read.

        Yields:
            The revision, and the articles in ascending order of ids (of their code points, as Python compares them),
            read in batches while the block runs.
        """
        by_id = articles.c.id.collate("BINARY" if self._engine.dialect.name == "sqlite" else "C")
        columns = [articles.c.id, articles.c.content_hash, embeddings.c.vector]
        query = (
            select(*columns)
            .select_from(_with_vectors(fingerprint))
            .where(articles.c.deleted_at.is_(None), articles.c.status == Status.PUBLISHED)
            .order_by(by_id)
            .execution_options(yield_per=_ROWS_A_BATCH)
        )
        with reading(self._engine) as connection:
            revision = connection.execute(select(counter.c.value)).scalar_one()
            batches = connection.execute(query).partitions()
            yield revision, (one for rows in batches for one in _published(connection, rows, held))

    def unembedded(self, fingerprint: str, limit: int, after: str = "") -> list[Article]:
        """Up to ``limit`` articles that lack a current embedding of the encoder, by id, from after ``after`` on."""
        query = (
            select(*_ARTICLE)
            .where(articles.c.id > after, _lacks_vector(fingerprint))
            .order_by(articles.c.id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_article(row) for row in connection.execute(query)]

    def counts(self, fingerprint: str | None = None) -> dict[str, int]:
        """Numbers of articles by status, of takedowns, and of articles that lack an embedding of ``fingerprint``."""
        by_status = (
            select(articles.c.status, func.count()).where(articles.c.deleted_at.is_(None)).group_by(articles.c.status)
        )
        with reading(self._engine) as connection:
            counts = {str(status): 0 for status in Status}
            counts.update((row[0], row[1]) for row in connection.execute(by_status))
            taken_down = select(func.count()).select_from(articles).where(articles.c.deleted_at.is_not(None))
            counts["taken_down"] = connection.execute(taken_down).scalar_one()
            if fingerprint is not None:
                lacking = select(func.count()).select_from(articles).where(_lacks_vector(fingerprint))
                counts["unembedded"] = connection.execute(lacking).scalar_one()
        return counts

    @contextmanager
    def settled(self, fingerprint: str, since: int) -> Iterator[bool]:
        """Keeps writers out while the block runs.

        Yields:
            Whether every article that changed after revision ``since`` has a current embedding of the encoder.
        """
        lacking = exists().where(articles.c.revision > since, _lacks_vector(fingerprint))
        with self._watch.writing() as connection:
            _lock(connection)
            yield not connection.execute(select(lacking)).scalar_one()

    def drop_embeddings(self, fingerprint: str) -> int:
        """Removes all embeddings of an encoder, some in each transaction; no revision changes.

        Returns:
            How many were removed.
        """
        some = select(embeddings.c.article_id).where(embeddings.c.fingerprint == fingerprint).limit(_IDS_A_QUERY)
        dropped = 0
        while True:
            with self._watch.writing() as connection:
                ids = connection.execute(some).scalars().all()
                of_these = and_(embeddings.c.fingerprint == fingerprint, embeddings.c.article_id.in_(ids))
                connection.execute(delete(embeddings).where(of_these))
            dropped += len(ids)
            if len(ids) < _IDS_A_QUERY:
                return dropped

    def _next_revisions(self, connection: Connection, count: int) -> int:
        statement = update(counter).values(value=counter.c.value + count).returning(counter.c.value)
        return int(connection.execute(statement).scalar_one()) - count + 1

    def _begin_log(self) -> None:
        with reading(self._engine) as connection:
            if self._log(connection).path.exists():
                return
        with self._watch.writing() as connection:
            self._log(connection).begin(connection.execute(select(counter.c.value)).scalar_one())

    def _log(self, connection: Connection) -> TakedownLog:
        origin = connection.execute(select(lineage.c.store).limit(1)).scalar_one()  # another after a restore
        return TakedownLog(Path(str(self._engine.url.database)), origin)

    def _log_withdrawals(self, connection: Connection, new: Sequence[Article], revisions: Mapping[str, int]) -> None:
        """Notes which published articles these make disappear, now or at a time they did not have."""
        ends = {a.id: a for a in new if a.status != Status.PUBLISHED or a.expires_at is not None}
        if not self._is_sqlite or not ends:
            return
        query = select(articles.c.id, articles.c.expires_at).where(articles.c.status == Status.PUBLISHED)
        for start in range(0, len(ends), _IDS_A_QUERY):
            some = list(ends)[start : start + _IDS_A_QUERY]
            self._log(connection).append(
                Withdrawal(revisions[row.id], row.id, str(ends[row.id].status), ends[row.id].expires_at)
                for row in connection.execute(query.where(articles.c.id.in_(some)))
                if ends[row.id].status != Status.PUBLISHED or ends[row.id].expires_at != row.expires_at
            )

    def _taken_down(self, connection: Connection, ids: Sequence[str]) -> set[str]:
        _lock(connection)
        query = select(articles.c.id).where(articles.c.deleted_at.is_not(None))
        found: set[str] = set()
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = articles.c.id.in_(ids[start : start + _IDS_A_QUERY])
            found.update(connection.execute(query.where(some)).scalars())
        return found

    def _text_hashes(self, connection: Connection, ids: Sequence[str]) -> dict[str, bytes]:
        """Of the articles among ``ids`` that are there, and stay as they are until the commit."""
        _lock(connection)
        query = select(articles.c.id, articles.c.text_hash).where(articles.c.deleted_at.is_(None))
        found: dict[str, bytes] = {}
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = articles.c.id.in_(ids[start : start + _IDS_A_QUERY])
            found.update((row.id, row.text_hash) for row in connection.execute(query.where(some)))
        return found

    def _upsert(self, connection: Connection, table: Any, rows: Sequence[Mapping[str, object]]) -> None:
        if not rows:
            return
        statement = self._insert(table)
        keys = [column.name for column in table.primary_key]
        others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))


def _lock(connection: Connection) -> None:
    """Keeps other writers out until the commit (SQLite has only one). It comes first in every transaction that reads
    what it is to write, as taking a revision does in the others, so that no two wait for each other."""
    connection.execute(select(counter.c.value).with_for_update())


def _lacks_vector(fingerprint: str) -> Any:
    has_vector = exists().where(
        embeddings.c.article_id == articles.c.id,
        embeddings.c.fingerprint == fingerprint,
        embeddings.c.text_hash == articles.c.text_hash,
    )
    return and_(articles.c.deleted_at.is_(None), ~has_vector)


def _with_vectors(fingerprint: str) -> Join:
    current = and_(
        embeddings.c.article_id == articles.c.id,
        embeddings.c.fingerprint == fingerprint,
        embeddings.c.text_hash == articles.c.text_hash,
    )
    return articles.outerjoin(embeddings, current)


def _published(connection: Connection, rows: Sequence[Row[Any]], held: Mapping[str, bytes]) -> Iterator[Published]:
    wanted = [row.id for row in rows if row.vector is None or held.get(row.id) != row.content_hash]
    found: dict[str, Article] = {}
    for start in range(0, len(wanted), _IDS_A_QUERY):
        some = select(*_ARTICLE).where(articles.c.id.in_(wanted[start : start + _IDS_A_QUERY]))
        found.update((row.id, _article(row)) for row in connection.execute(some))
    for row in rows:
        yield Published(row.id, row.content_hash, found.get(row.id), _vector(row.vector))


def _row(article: Article, revision: int) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(article, name) for name in _FIELDS}
    row["revision"] = revision
    row["content_hash"] = article.content_hash
    row["text_hash"] = article.text_hash
    row["canonical_url"] = None if article.url is None else canonical_url(article.url)
    row["deleted_at"] = None
    return row


def _embedding_row(text: HasText, vector: FloatArray, fingerprint: str) -> dict[str, object]:
    return {
        "article_id": text.id,
        "fingerprint": fingerprint,
        "text_hash": text.text_hash,
        "vector": np.asarray(vector, VECTOR_DTYPE).tobytes(),
    }


def _article(row: Row[Any]) -> Article:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Article.model_construct(_FIELD_SET, **{**values, "status": Status(values["status"])})


def _change(row: Row[Any]) -> Change:
    if row.deleted_at is not None:
        return Change(row.revision, row.id, None, None)
    return Change(row.revision, row.id, _article(row), _vector(row.vector))


def _vector(value: bytes | None) -> FloatArray | None:
    return None if value is None else np.frombuffer(value, VECTOR_DTYPE).astype(np.float32)
