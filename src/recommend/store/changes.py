"""Change sets: what changed after a revision."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from recommend.store import curation as curations
from recommend.store import revisions, rules
from recommend.store.database import Watch, reading
from recommend.store.revisions import Revisions
from recommend.store.rows import ARTICLE, Change, ChangeSet, change_of, with_vectors
from recommend.store.salvage import readable
from recommend.store.schema import articles, embeddings


class Changes:
    """Reads what changed after a revision."""

    def __init__(self, engine: Engine, watch: Watch, latest: Revisions) -> None:
        self._engine = engine
        self._watch = watch
        self._revisions = latest

    def since(self, revision: int, fingerprint: str) -> list[Change]:
        """Every article that changed after ``revision``, in the order of revisions."""
        return self.read(revision, revision, fingerprint).changes

    def read(self, since: int, curated_since: int, fingerprint: str) -> ChangeSet:
        """What changed after revision ``since``, and the curations and rules after ``curated_since``, at one moment; or
        that a restore undid ``since``."""
        columns = [*ARTICLE, articles.c.revision, articles.c.content_hash, articles.c.deleted_at, embeddings.c.vector]
        query = select(*columns).select_from(with_vectors(fingerprint))
        query = query.where(articles.c.revision > since).order_by(articles.c.revision)
        version = self._watch.version()
        with reading(self._engine) as connection:
            revision = revisions.current(connection)
            if revisions.is_rolled_back(connection, since):
                return ChangeSet(revision, [], {}, rolled_back=True)
            changes = [change_of(row) for row in readable(connection, query)]
            curated = curations.changed_since(connection, curated_since)
            change_set = ChangeSet(revision, changes, curated, rules=rules.changed_since(connection, curated_since))
        self._revisions.saw(version, revision)
        return change_set

    def count(self, revision: int) -> int:
        """How many articles changed after ``revision``."""
        query = select(func.count()).select_from(articles).where(articles.c.revision > revision)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def ids(self, revision: int) -> list[str]:
        """Ids of the articles, of any status and taken down ones, too, that changed after ``revision``."""
        query = select(articles.c.id).where(articles.c.revision > revision).order_by(articles.c.id)
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def few_ids(self, revision: int, most: int) -> list[str] | None:
        """The same where they are not more than ``most``; None where they are, or a restore undid ``revision``."""
        query = select(articles.c.id).where(articles.c.revision > revision).limit(most + 1)
        with reading(self._engine) as connection:
            if revisions.is_rolled_back(connection, revision):
                return None
            rows = list(connection.execute(query).scalars())
        return rows if len(rows) <= most else None
