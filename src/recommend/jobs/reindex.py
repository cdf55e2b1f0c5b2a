"""The batch job: embed what lacks an embedding, build a snapshot of the store, verify it, publish it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from recommend.encoder import Encoder
from recommend.encoder.executors.engine import Engine
from recommend.errors import RecommendError, SnapshotError
from recommend.fingerprint import base_fingerprint
from recommend.index.opening import opened_servers
from recommend.index.snapshot.build import Recipe, build_snapshot, live_corpus
from recommend.index.snapshot.catalog import current_name, is_of, list_snapshots
from recommend.index.snapshot.incremental import Corpus
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked, note_store, prune, remove
from recommend.index.snapshot.settling import settle_boilerplate
from recommend.ingest import Failed, embed_missing
from recommend.jobs.comparison import Canary, compare_with_live
from recommend.jobs.hooks import Hooks
from recommend.jobs.last_run import recorded
from recommend.jobs.publish import publish_embedded
from recommend.settings import Settings
from recommend.store import Store

if TYPE_CHECKING:
    from recommend.index.pgvector.servers import Servers

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told how the job goes.

    Attributes:
        embedded: called with the size of each embedded batch.
        stage: called with a few words when a stage begins.
        failed: called for each article whose embedding failed, with its id and the reason.
    """

    embedded: Callable[[int], None] = lambda _: None
    stage: Callable[[str], None] = lambda _: None
    failed: Failed = lambda _id, _reason: None


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """What the job did.

    Attributes:
        manifest: of the snapshot that is live now, or was built to be looked at.
        embedded: articles that were embedded first.
        built: False when the live snapshot was up to date already.
        canary: how it compares with the one that was live before, None where that was not looked at.
        published: False when it was built only to be looked at.
        dropped: embeddings removed because no snapshot that is kept needs them.
        failed: articles whose embedding failed: they are not in the snapshot, and the next job tries again.
        listed: articles whose best candidates were made ready after it was published.
        set_aside: why other published articles are not in it, by id: what the store holds of them cannot be used.
    """

    manifest: Manifest
    embedded: int
    built: bool
    canary: Canary | None = None
    published: bool = True
    dropped: int = 0
    failed: int = 0
    listed: int = 0
    set_aside: Mapping[str, str] = field(default_factory=dict)


def reindex(
    store: Store,
    encoder: Encoder,
    settings: Settings,
    *,
    full: bool = False,
    force: bool = False,
    publishes: bool = True,
    engine: Engine | None = None,
    hooks: Hooks = Hooks(),
    progress: Progress = Progress(),
) -> ReindexResult:
    """Brings the live snapshot up to the store's revision. Killed at any moment, it leaves the old one serving.

    With another encoder than the live snapshot's, embeddings are made beside those that serve, which stay until no
    snapshot that is kept needs them; killed, it goes on where it was.

    Args:
        store: the articles.
        encoder: whose embeddings the snapshot holds.
        settings: index folder, kind, retention.
        full: build even when nothing changed since the live snapshot, and keep nothing of it.
        force: publish even when far fewer articles or far more empty boxes speak against it.
        publishes: False to build and compare only; :func:`recommend.jobs.rollback.rollback` publishes such a snapshot.
        engine: spreads the embedding, by default over this machine's cores.
        hooks: what is done with a snapshot besides.
        progress: who is told of it.

    Raises:
        EncoderError: when the encoder fails on any text.
        SnapshotError: when another job is at work or the new snapshot fails verification.
    """
    layout = IndexLayout(settings.index)
    with locked(layout), recorded(layout), opened_servers(settings) as servers:
        job = _Job(store, encoder, settings, servers, engine, hooks, progress)
        full = full or not is_of(layout, store.identity())
        brought = None if full or not publishes else job.bring_changes()
        return brought or job.build(full=full, force=force, publishes=publishes)


class _Job:
    """One run of the job, alone at the index.

    Attributes:
        embedded: articles that were embedded by now.
        failures: those whose embedding failed.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        settings: Settings,
        servers: Servers | None,
        engine: Engine | None,
        hooks: Hooks,
        progress: Progress,
    ) -> None:
        self.store, self.encoder, self.settings, self.servers = store, encoder, settings, servers
        self.engine, self.hooks, self.progress = engine, hooks, progress
        self.layout = IndexLayout(settings.index)
        self.embedded = 0
        self.failures = _Failures(progress.failed)

    def bring_changes(self) -> ReindexResult | None:
        """Brings to servers what changed since their live generation; None where a snapshot is to be built, as there
        are no servers, or what was brought failed verification. Boilerplate is counted when that is done."""
        if self.servers is None:
            return None
        from recommend.jobs.generation import prune_generations  # only where the extra is installed
        from recommend.jobs.steps import load_step, step_from

        live = step_from(self.servers, self.store, self.settings, self._recipe().digest)
        if live is None:
            return None
        self._embed(bump_revision=True)  # so that what had none until now has changed
        if live.manifest.revision == self.store.latest_revision():
            return self._done(live.manifest, built=False)
        try:
            manifest, switch = load_step(
                self.servers,
                self.store,
                self.settings,
                live,
                agrees=self.hooks.agrees,
                on_stage=self.progress.stage,
            )
        except SnapshotError as problem:
            logger.warning("rebuilding the whole index: %s", problem)
            return None
        self._publish(manifest.name, switch)
        prune(self.layout, self.settings.indexing.keep, {live.base})
        prune_generations(self.servers, self.settings.indexing.keep)
        return self._done(manifest)

    def build(self, *, full: bool, force: bool, publishes: bool) -> ReindexResult:
        """Builds a snapshot of the store, compares it with the live one and makes it that, unless the live one is up
        to date."""
        before = _counted(self.store, self.layout, self.progress, full=full)
        recipe = self._recipe()
        self._embed()
        live = None if full or self.embedded else _up_to_date(self.store, self.layout, recipe.digest)
        if live is not None:
            if not self._is_live(live.name):
                self._publish(live.name, self._loaded(live.name))
            return self._done(live, built=False, listed=self._list(live))
        self.progress.stage("building")
        built = build_snapshot(self.store, self.layout, recipe, before=before, on_stage=self.progress.stage)
        manifest = self.hooks.exposed(built)
        if manifest.set_aside:
            self.store.doubt(manifest.set_aside, self.encoder.fingerprint)
        self.progress.stage("comparing")
        try:
            compared = compare_with_live(self.layout, manifest, self.settings, self.hooks.canary, force=force)
        except RecommendError:
            remove(self.layout, manifest.name)
            raise
        if not publishes:
            return self._done(manifest, canary=compared, published=False)
        self._publish(manifest.name, self._loaded(manifest.name))
        return self._done(manifest, canary=compared, dropped=self._prune(), listed=self._list(manifest))

    def _recipe(self) -> Recipe:
        return replace(Recipe.of(self.encoder, self.settings), boilerplate=self.store.boilerplate.read())

    def _embed(self, *, bump_revision: bool = False) -> None:
        self.progress.stage("embedding")
        self.embedded += embed_missing(
            self.store,
            self.encoder,
            self.engine,
            progress=self.progress.embedded,
            on_failure=self.failures.note,
            bump_revision=bump_revision,
        )

    def _is_live(self, name: str) -> bool:
        """Whether the live snapshot is that of the servers, too, where there are any."""
        if self.servers is None:
            return True
        from recommend.jobs.generation import is_live

        return is_live(self.servers, name)

    def _loaded(self, name: str) -> Callable[[], None] | None:
        """Loads a snapshot into the servers; what makes it theirs, None where there are none."""
        if self.servers is None:
            return None
        from recommend.jobs.generation import load_generation

        return load_generation(self.servers, self.settings, name, hooks=self.hooks, on_stage=self.progress.stage)

    def _publish(self, name: str, switch: Callable[[], None] | None) -> None:
        self.progress.stage("publishing")
        self.embedded += publish_embedded(
            self.store, self.layout, name, self.encoder, switch=switch, progress=self.progress.embedded
        )
        note_store(self.layout, self.store.identity())

    def _list(self, live: Manifest) -> int:
        """Makes the ready lists of a snapshot in a folder; of how many articles."""
        if not self.settings.indexing.lists or self.servers is not None:
            return 0
        self.progress.stage("making lists ready")
        return self.hooks.lists(live.name)

    def _prune(self) -> int:
        """Removes what is kept no longer; how many embeddings went with it."""
        fingerprints = _fingerprints(self.layout) | {base_fingerprint(self.encoder.fingerprint)}
        prune(self.layout, self.settings.indexing.keep)
        if self.servers is not None:
            from recommend.jobs.generation import prune_generations

            prune_generations(self.servers, self.settings.indexing.keep)
        return sum(map(self.store.embeddings.drop, fingerprints - _fingerprints(self.layout)))

    def _done(self, manifest: Manifest, *, built: bool = True, **known: Any) -> ReindexResult:
        return ReindexResult(manifest, self.embedded, built, **self.failures.for_result(manifest), **known)


def _counted(store: Store, layout: IndexLayout, progress: Progress, *, full: bool) -> Corpus | None:
    """What is kept of the live snapshot, with which shared sentences were counted; None where nothing was to count."""
    before = Corpus.empty() if full else None
    if full or store.boilerplate.settled_at() != store.latest_revision():
        progress.stage("counting shared sentences")
        before = live_corpus(layout) if before is None else before
        settle_boilerplate(store, before)
    return before


class _Failures:
    """The articles whose embedding fails."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self._ids = set[str]()

    def note(self, article_id: str, reason: str) -> None:
        self._ids.add(article_id)
        self._failed(article_id, reason)

    def for_result(self, manifest: Manifest) -> dict[str, Any]:
        """How many those are, and what else a snapshot sets aside."""
        aside = {one: reason for one, reason in manifest.set_aside.items() if one not in self._ids}
        return {"failed": len(self._ids), "set_aside": aside}


def _fingerprints(layout: IndexLayout) -> set[str]:
    """Of the encoders of all snapshots that are kept."""
    return {one.manifest.encoder for one in list_snapshots(layout) if one.manifest is not None}


def _up_to_date(store: Store, layout: IndexLayout, recipe: str) -> Manifest | None:
    """The live snapshot's manifest, if it is whole and a new build would only repeat it."""
    if (name := current_name(layout)) is None:
        return None
    try:
        manifest = verify(layout, name)
    except SnapshotError as problem:
        logger.warning("rebuilding the whole index: %s", problem)
        return None
    same = (manifest.revision, manifest.recipe) == (store.latest_revision(), recipe)
    return manifest if same and not manifest.set_aside else None  # no revision tells whether those can be used by now
