"""The batch job: embed what lacks an embedding, build a snapshot of the store, verify it, publish it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from recommend.encoder import Encoder
from recommend.encoder.executors.engine import Engine
from recommend.errors import RecommendError, SnapshotError
from recommend.fingerprint import base_fingerprint
from recommend.index.opening import opened_servers
from recommend.index.snapshot.build import Recipe, build_snapshot, live_corpus
from recommend.index.snapshot.catalog import current_name, list_snapshots
from recommend.index.snapshot.incremental import Corpus
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked, prune, remove
from recommend.index.snapshot.settling import settle_boilerplate
from recommend.index.view import FixedView
from recommend.ingest import Failed, embed_missing
from recommend.jobs.comparison import Canary, compare_with_live
from recommend.jobs.last_run import recorded
from recommend.jobs.publish import publish_embedded
from recommend.settings import Settings
from recommend.store import Store

if TYPE_CHECKING:
    from recommend.index.pgvector.rows import Listed
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
    canary: Callable[[str, str], Canary | None] = lambda _old, _new: None,
    exposed: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    lists: Callable[[str], int] = lambda _: 0,
    listed: Callable[[str], Iterable[Listed]] = lambda _: (),
    agrees: Callable[[Servers, str, FixedView | None], object] = lambda *_: None,
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
        canary: compares two snapshots, given their names, before the second is published.
        exposed: finds boxes for the stories that none of a new snapshot would show, as
            :func:`recommend.jobs.exposure.spread_exposure` does, and gives its manifest from then on.
        lists: makes what is missing of the ready lists of the live snapshot, given its name, and says of how many
            articles, as :func:`recommend.jobs.lists.make_lists` does; ``listed`` gives them to servers, as
            :func:`recommend.jobs.lists.lists_to_load` does.
        agrees: raises where a generation on servers, given its name, gives other boxes than the snapshot, or than a
            view, as :func:`recommend.jobs.agreement.agree` does.
        progress: who is told of it.

    Raises:
        EncoderError: when the encoder fails on any text.
        SnapshotError: when another job is at work or the new snapshot fails verification.
    """
    layout = IndexLayout(settings.index)
    with locked(layout), recorded(layout), opened_servers(settings) as servers:
        if servers is not None and publishes and not full:
            brought = _bring_changes(store, encoder, settings, servers, engine, agrees, progress)
            if brought is not None:
                return brought
        before = _counted(store, layout, progress, full=full)
        recipe = replace(Recipe.of(encoder, settings), boilerplate=store.boilerplate.read())
        progress.stage("embedding")
        failures = _Failures(progress.failed)
        embedded = embed_missing(store, encoder, engine, progress=progress.embedded, on_failure=failures.note)

        def done(manifest: Manifest, *, built: bool = True, **known: Any) -> ReindexResult:
            return ReindexResult(manifest, embedded, built, **failures.told(manifest), **known)

        def make_lists(live: Manifest) -> int:
            if not settings.indexing.lists or settings.pgvector.url:
                return 0
            progress.stage("making lists ready")
            return lists(live.name)

        if servers is not None:  # only where the extra is installed
            from recommend.jobs.generation import is_live, load_generation, prune_generations

        def publish(name: str) -> int:
            """Makes a snapshot the live one, on servers where there are any; how many articles were embedded."""
            switch = None
            if servers is not None:
                switch = load_generation(
                    servers, settings, name, lists=lists, listed=listed, agrees=agrees, on_stage=progress.stage
                )
            progress.stage("publishing")
            return publish_embedded(store, layout, name, encoder, switch=switch, progress=progress.embedded)

        live = None if full or embedded else _up_to_date(store, layout, recipe.digest)
        if live is not None:
            if servers is not None and not is_live(servers, live.name):
                embedded += publish(live.name)
            return done(live, built=False, listed=make_lists(live))
        progress.stage("building")
        manifest = exposed(build_snapshot(store, layout, recipe, before=before, on_stage=progress.stage))
        if manifest.set_aside:
            store.doubt(manifest.set_aside, encoder.fingerprint)
        progress.stage("comparing")
        try:
            compared = compare_with_live(layout, manifest, settings, canary, force=force)
        except RecommendError:
            remove(layout, manifest.name)
            raise
        if not publishes:
            return done(manifest, canary=compared, published=False)
        embedded += publish(manifest.name)
        fingerprints = _fingerprints(layout) | {base_fingerprint(encoder.fingerprint)}
        prune(layout, settings.indexing.keep)
        if servers is not None:
            prune_generations(servers, settings.indexing.keep)
        dropped = sum(map(store.embeddings.drop, fingerprints - _fingerprints(layout)))
        return done(manifest, canary=compared, dropped=dropped, listed=make_lists(manifest))


def _counted(store: Store, layout: IndexLayout, progress: Progress, *, full: bool) -> Corpus | None:
    """What is kept of the live snapshot, with which shared sentences were counted; None where nothing was to count."""
    before = Corpus.empty() if full else None
    if full or store.boilerplate.settled_at() != store.latest_revision():
        progress.stage("counting shared sentences")
        before = live_corpus(layout) if before is None else before
        settle_boilerplate(store, before)
    return before


def _bring_changes(
    store: Store,
    encoder: Encoder,
    settings: Settings,
    servers: Servers,
    engine: Engine | None,
    agrees: Callable[[Servers, str, FixedView | None], object],
    progress: Progress,
) -> ReindexResult | None:
    """Brings to servers what changed since its live generation; None where a snapshot is to be built, or what was
    brought failed verification. Boilerplate is counted when that is done."""
    from recommend.jobs.generation import prune_generations  # only where the extra is installed
    from recommend.jobs.steps import load_step, step_from

    layout, recipe = IndexLayout(settings.index), Recipe.of(encoder, settings)
    live = step_from(servers, store, settings, replace(recipe, boilerplate=store.boilerplate.read()).digest)
    if live is None:
        return None
    progress.stage("embedding")
    failures = _Failures(progress.failed)
    embedded = embed_missing(
        store, encoder, engine, progress=progress.embedded, on_failure=failures.note, bump_revision=True
    )  # so that what had none until now has changed
    if live.manifest.revision == store.latest_revision():
        return ReindexResult(live.manifest, embedded, built=False, **failures.told(live.manifest))
    try:
        manifest, switch = load_step(servers, store, settings, live, agrees=agrees, on_stage=progress.stage)
    except SnapshotError as problem:
        logger.warning("building the whole index anew: %s", problem)
        return None
    progress.stage("publishing")
    embedded += publish_embedded(store, layout, manifest.name, encoder, switch=switch, progress=progress.embedded)
    prune(layout, settings.indexing.keep, {live.base})
    prune_generations(servers, settings.indexing.keep)
    return ReindexResult(manifest, embedded, built=True, **failures.told(manifest))


class _Failures:
    """The articles whose embedding fails."""

    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self._ids = set[str]()

    def note(self, article_id: str, reason: str) -> None:
        self._ids.add(article_id)
        self._failed(article_id, reason)

    def told(self, manifest: Manifest) -> dict[str, Any]:
        """How many those are, and what else a snapshot sets aside."""
        aside = {one: reason for one, reason in manifest.set_aside.items() if one not in self._ids}
        return {"failed": len(self._ids), "set_aside": aside}


def _fingerprints(layout: IndexLayout) -> set[str]:
    """Of the encoders of all snapshots that are kept."""
    return {one.manifest.encoder for one in list_snapshots(layout) if one.manifest is not None}


def _up_to_date(store: Store, layout: IndexLayout, recipe: str) -> Manifest | None:
    """The live snapshot's manifest, if it is whole and a new build would only repeat it."""
    name = current_name(layout)
    if name is None:
        return None
    try:
        manifest = verify(layout, name)
    except SnapshotError as problem:
        logger.warning("building the whole index anew: %s", problem)
        return None
    if manifest.set_aside:  # no revision tells whether those rows can be used by now
        return None
    return manifest if (manifest.revision, manifest.recipe) == (store.latest_revision(), recipe) else None
