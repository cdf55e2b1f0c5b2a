"""A re-index on servers that brings only what changed: see :mod:`recommend.index.pgvector.steps`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from psycopg import sql

from recommend.errors import SnapshotError
from recommend.index.changes import apply, unchanged
from recommend.index.gathered import Gathered
from recommend.index.pgvector.generations import Generation, confirm, generations, switch
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.statistics import open_generation
from recommend.index.pgvector.steps import bring, withdraw
from recommend.index.query import Prepared
from recommend.index.snapshot.build import free_name
from recommend.index.snapshot.incremental import made_by
from recommend.index.snapshot.kept import KeptChanges
from recommend.index.snapshot.layout import FORMAT, IndexLayout, Manifest
from recommend.index.view import FixedView, View
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.rows import ChangeSet

_UNEMBEDDED = "it has no embedding yet: only its words find it until then"


def step_from(servers: Servers, store: Store, settings: Settings, recipe: str) -> Generation | None:
    """The live generation, where it is enough to bring what changed since; None where a snapshot is to be built: by
    another recipe or another release, after a restore, or since more changed since its base than ``pgvector.changes``
    says.

    Args:
        servers: where it is.
        store: the articles.
        settings: how much may change.
        recipe: digest of what a snapshot would be made by.
    """
    known = {one.manifest.name: one for one in generations(servers) if one.verified}
    live = next((one for one in known.values() if one.live), None)
    base = None if live is None else known.get(live.base)
    if live is None or base is None or store.is_rolled_back(live.manifest.revision):
        return None
    if (live.manifest.format, live.manifest.recipe, live.manifest.made_by) != (FORMAT, recipe, made_by()):
        return None
    changes = store.changes.count(base.manifest.revision)
    return live if changes <= settings.pgvector.changes * base.manifest.articles else None


def load_step(
    servers: Servers,
    store: Store,
    settings: Settings,
    live: Generation,
    *,
    agrees: Callable[[Servers, str, FixedView | None], object] = lambda *_: None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> tuple[Manifest, Callable[[], None]]:
    """Brings what changed since the live generation, without making that live.

    Args:
        servers: where to.
        store: the articles, embedded.
        settings: index folder, and how it is verified.
        live: see :func:`step_from`.
        agrees: raises where the boxes that it gives are others than those of a view, see
            :func:`~recommend.jobs.agreement.agree`.
        on_stage: called with a few words when a stage begins.

    Returns:
        The manifest of the new generation, and what makes it the live one.

    Raises:
        SnapshotError: when verification fails; nothing is left behind then.
        StoreUnreachableError: when a server refuses.
    """
    layout = IndexLayout(settings.index)
    on_stage("preparing what changed")
    before = unchanged(open_generation(servers, layout, live.manifest.name))
    change_set = store.changes.read(before.revision, 0, live.manifest.encoder)
    if change_set.rolled_back:
        raise SnapshotError(f"a restore of the store undid revision {before.revision}; run recommend reindex --full")
    changed, saved = dict[str, Prepared](), KeptChanges(layout, live.manifest)
    with ThreadPoolExecutor(settings.pgvector.pool) as threads:  # each waits for the server, which has several cores
        after = apply(before, changed, change_set, saved, each=threads.map)
    first = after.segments[0]
    assert isinstance(first, Gathered)
    taken = (one.manifest.name for one in generations(servers))
    name = free_name(layout, after.revision, live.manifest.recipe, taken)
    manifest = _manifest(name, live, after, change_set)
    on_stage("copying to PostgreSQL")
    bring(servers, live, manifest, changed, first.gone.tolist(), first)
    on_stage("comparing boxes")
    try:
        _verify(servers, layout, name, len(after))
        agrees(servers, name, FixedView(after))
    except SnapshotError:
        withdraw(servers, live)
        raise
    return manifest, partial(switch, servers, name)


def _manifest(name: str, live: Generation, after: View, change_set: ChangeSet) -> Manifest:
    """The manifest of a step: that of the live generation with its own name, revision and counts."""
    figures = {
        "name": name,
        "base": live.base,
        "revision": after.revision,
        "articles": len(after),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "set_aside": {**after.set_aside, **_unembedded(change_set)},
    }
    return live.manifest.model_copy(update=figures)


def _verify(servers: Servers, layout: IndexLayout, name: str, articles: int) -> None:
    """Counts the articles on all servers, notes that the generation is whole, and opens it once.

    Raises:
        SnapshotError: when the servers hold another number of articles, or the generation cannot be opened.
    """
    statement = sql.SQL("SELECT count(*) FROM {}.articles").format(schema_of(name))
    count = sum(server.ask(statement)[0][0] for server in servers)
    if count != articles:
        raise SnapshotError(f"generation {name}: {servers.name} holds {count} articles != {articles}")
    for server in servers:
        confirm(server, name)
    open_generation(servers, layout, name)


def _unembedded(change_set: ChangeSet) -> dict[str, str]:
    published = (one for one in change_set.changes if one.article is not None and one.article.status == "published")
    return {one.article_id: _UNEMBEDDED for one in published if one.embedding is None and one.fault is None}
