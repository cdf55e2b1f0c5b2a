"""Articles in a database, and a revision for every change."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType

from sqlalchemy import Connection, Engine, and_, delete, func, select, update

from recommend.articles.article import Article, Status, canonical_url
from recommend.store import curation as curations
from recommend.store import revisions
from recommend.store.boilerplate import SharedSentences
from recommend.store.changes import Changes
from recommend.store.curation import TAKEDOWN, Curations
from recommend.store.database import Watch, open_engine, reading, upsert
from recommend.store.embeddings import Embeddings
from recommend.store.events import EventLog
from recommend.store.health import Health
from recommend.store.keys import Keys
from recommend.store.published import read_published
from recommend.store.revisions import Revisions
from recommend.store.rows import (
    ARTICLE,
    FloatArray,
    Label,
    Published,
    StoredState,
    Unreadable,
    Written,
    article_or_fault,
    article_row,
    embedding_row,
    lacks_vector,
    some_at_a_time,
)
from recommend.store.rules import Rules
from recommend.store.salvage import readable
from recommend.store.schema import articles, embeddings, lineage, tombstone
from recommend.store.sessions import Sessions
from recommend.store.takedowns import TakedownLog, Takedowns

_ROWS_A_BATCH = 2000

logger = logging.getLogger(__name__)


class Store:
    """Articles in a database. Safe to share between threads; every write is durable when the method returns.

    Attributes:
        embeddings: of the articles.
        boilerplate: the sentences that many of them share.
        changes: of articles and curations since a revision.
        curations: of editors; ``rules`` of theirs for kinds of stories.
        health: whether the database can be read, and takes changes.
        events: what the service was told of readers.
        keys: the API keys of the service; ``sessions`` those that the desk opened with them.
    """

    def __init__(self, url: str, *, staleness: float = 0.25, readonly: bool = False, any_schema: bool = False) -> None:
        """Opens ``url`` (``sqlite:///FILE`` or ``postgresql://…``), creating or migrating its schema.

        Args:
            url: an SQLAlchemy database URL.
            readonly: for who only reads: nothing is created, migrated or written, and writing raises an error.
            any_schema: with ``readonly``, another schema is taken as it is, as a backup does.
            staleness: seconds for which :meth:`latest_revision` and :meth:`Keys.find` may repeat themselves where the
                database cannot tell for free whether anything changed (PostgreSQL; SQLite always tells at once). What
                was written through this object they tell at once.

        Raises:
            StoreError: when it cannot be opened.
        """
        self._engine = open_engine(url, readonly=readonly, any_schema=any_schema)
        self._watch = Watch(self._engine, staleness)
        self._revisions = Revisions(self._engine, self._watch)
        self._takedowns = Takedowns(self._engine)
        self.changes = Changes(self._engine, self._watch, self._revisions)
        self.curations = Curations(self._engine, self._watch)
        self.rules = Rules(self._engine, self._watch)
        self.health = Health(self._engine, self._watch)
        self.boilerplate = SharedSentences(self._engine, self._watch)
        self.embeddings = Embeddings(self._engine, self._watch, self.boilerplate)
        self.events = EventLog(self._engine)
        self.keys = Keys(self._engine, self._watch)
        self.sessions = Sessions(self._engine, self._watch)
        if not readonly:
            self._takedowns.begin(self._watch)

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
        return [written.revision for written in self.write(changes, fingerprint, republish=republish)]

    def write(
        self, changes: Sequence[tuple[Article, FloatArray | None]], fingerprint: str, *, republish: bool = True
    ) -> list[Written]:
        """As :meth:`put`, and tells what each replaced, whatever other processes wrote meanwhile."""
        latest = {article.id: (article, vector) for article, vector in changes}
        if not latest:
            return []
        with self._watch.writing() as connection:
            revisions.lock(connection)
            before = _known(connection, latest)
            if not republish:
                for article_id in [id_ for id_, held in before.items() if held.deleted]:
                    del latest[article_id]
            first = revisions.take(connection, len(latest))
            numbered = dict(zip(latest, range(first, first + len(latest)), strict=True))
            self._takedowns.note_changes(connection, (article for article, _ in latest.values()), numbered)
            without = self.boilerplate.within(connection).without
            hashes = {id_: without(article).text_hash for id_, (article, _) in latest.items()}
            upsert(connection, articles, [article_row(a, numbered[i], hashes[i]) for i, (a, _) in latest.items()])
            vectors = [embedding_row(i, hashes[i], v, fingerprint) for i, (_, v) in latest.items() if v is not None]
            upsert(connection, embeddings, vectors)
        return [Written(numbered.get(article.id, 0), before.get(article.id)) for article, _ in changes]

    def delete(self, article_id: str) -> int | None:
        """Takes an article down: its content, embeddings and curation are erased and a tombstone stays.

        Returns:
            The revision of the takedown, or None when there was nothing to take down.
        """
        with self._watch.writing() as connection:
            revisions.lock(connection)
            live = and_(articles.c.id == article_id, articles.c.deleted_at.is_(None))
            if connection.execute(select(articles.c.id).where(live)).first() is None:
                return None
            revision = revisions.take(connection, 1)
            self._takedowns.note_takedown(connection, article_id, revision)
            connection.execute(update(articles).where(live).values(tombstone(revision)))
            connection.execute(delete(embeddings).where(embeddings.c.article_id == article_id))
            curated = curations.find(connection, article_id)
            if curated is not None:
                curations.replace(connection, article_id, curated[0], None, revision, TAKEDOWN)
        return revision

    def doubt(self, ids: Iterable[str], fingerprint: str) -> None:
        """Marks stored articles as unusable, without a revision: the next upload under their ids counts as changed, and
        the encoder of ``fingerprint`` embeds them again."""
        with self._watch.writing() as connection:
            revisions.lock(connection)
            for some in some_at_a_time(ids):
                connection.execute(update(articles).where(articles.c.id.in_(some)).values(content_hash=b""))
                mine = embeddings.c.article_id.in_(some), embeddings.c.fingerprint == fingerprint
                connection.execute(delete(embeddings).where(*mine))

    def known(self, ids: Iterable[str]) -> dict[str, StoredState]:
        """The stored state of each of ``ids``; unknown ids are left out."""
        with reading(self._engine) as connection:
            return _known(connection, ids)

    def get(self, article_id: str) -> Article | None:
        """The article as it stands, of any status; None when unknown or taken down, or when its row cannot be used."""
        query = select(*ARTICLE).where(articles.c.id == article_id, articles.c.deleted_at.is_(None))
        with reading(self._engine) as connection:
            rows = readable(connection, query)
        articles_or_faults = [row.reason if isinstance(row, Unreadable) else article_or_fault(row) for row in rows]
        if articles_or_faults and isinstance(articles_or_faults[0], str):
            logger.warning("article %r is set aside: %s", article_id, articles_or_faults[0])
        return articles_or_faults[0] if articles_or_faults and isinstance(articles_or_faults[0], Article) else None

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

    def labels(self, ids: Iterable[str]) -> dict[str, Label]:
        """What the articles of ``ids`` that are there go by."""
        query = select(articles.c.id, articles.c.title, articles.c.url, articles.c.site)
        labels: dict[str, Label] = {}
        with reading(self._engine) as connection:
            for some in some_at_a_time(ids):
                rows = readable(connection, query.where(articles.c.id.in_(some), articles.c.deleted_at.is_(None)))
                labels |= {r.id: Label(r.title, r.url, r.site) for r in rows if not isinstance(r, Unreadable)}
        return labels

    def published_at(self, addresses: Iterable[str]) -> list[tuple[str, str, str]]:
        """Address, title and id of each published article at one of some canonical URLs."""
        query = select(articles.c.canonical_url, articles.c.title, articles.c.id)
        published = articles.c.status == Status.PUBLISHED
        with reading(self._engine) as connection:
            return [
                (row.canonical_url, row.title, row.id)
                for some in some_at_a_time(addresses)
                for row in readable(connection, query.where(articles.c.canonical_url.in_(some), published))
                if not isinstance(row, Unreadable)
            ]

    def latest_revision(self) -> int:
        """The highest revision committed by any process; microseconds when nothing changed since the last call.

        Raises:
            StoreError: when that cannot be told. A server that cannot be reached is tried again once a second.
        """
        return self._revisions.latest()

    def takedown_log(self) -> TakedownLog | None:
        """The log that outlives the store; None on PostgreSQL, which has its own archiving."""
        with reading(self._engine) as connection:
            return self._takedowns.log(connection)

    def identity(self) -> str:
        """What tells the store from all others, and outlives a restore."""
        with reading(self._engine) as connection:
            return str(connection.execute(select(lineage.c.store).limit(1)).scalar_one())

    def is_rolled_back(self, revision: int) -> bool:
        """Whether a restore rolled this revision back, so that data read at it may be wrong now."""
        with reading(self._engine) as connection:
            return revisions.is_rolled_back(connection, revision)

    def published(
        self, fingerprint: str | None, held: Mapping[str, bytes] = MappingProxyType({})
    ) -> AbstractContextManager[tuple[int, Iterator[Published]]]:
        """All published articles as of one revision, see :func:`~recommend.store.published.read_published`."""
        return read_published(self._engine, fingerprint, held)

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
                lacking = select(func.count()).select_from(articles).where(lacks_vector(fingerprint))
                counts["unembedded"] = connection.execute(lacking).scalar_one()
        return counts


def _known(connection: Connection, ids: Iterable[str]) -> dict[str, StoredState]:
    query = select(*(articles.c[name] for name in ("id", "revision", "content_hash", "text_hash", "deleted_at")))
    states: dict[str, StoredState] = {}
    for some in some_at_a_time(ids):
        for row in readable(connection, query.where(articles.c.id.in_(some))):
            if isinstance(row, Unreadable):  # whatever is sent differs from it
                states[row.id] = StoredState(row.revision, b"", b"", deleted=False)
                continue
            states[row.id] = StoredState(row.revision, row.content_hash, row.text_hash, row.deleted_at is not None)
    return states
