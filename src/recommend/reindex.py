"""The batch job: embed what lacks an embedding, build a snapshot of the store, verify it, publish it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from recommend.encoder import Encoder
from recommend.encoder.adapter import find_adapter
from recommend.errors import SnapshotError
from recommend.ingest import embed_missing
from recommend.settings import Settings
from recommend.snapshot import (
    IndexLayout,
    Manifest,
    build_snapshot,
    current_name,
    locked,
    prune,
    publish,
    snapshot_recipe,
    verify,
)
from recommend.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """What the job did.

    Attributes:
        manifest: of the snapshot that is live now.
        embedded: articles that were embedded first.
        built: False when the live snapshot was up to date already.
    """

    manifest: Manifest
    embedded: int
    built: bool


def reindex(
    store: Store,
    encoder: Encoder,
    settings: Settings,
    *,
    full: bool = False,
    on_embedded: Callable[[int], None] = lambda _: None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> ReindexResult:
    """Brings the live snapshot up to the store's revision. Killed at any moment, it leaves the old one serving.

    Args:
        store: the articles.
        encoder: whose embeddings the snapshot holds.
        settings: index folder, kind, retention.
        full: build even when nothing changed since the live snapshot.
        on_embedded: called with the size of each embedded batch.
        on_stage: called with a few words when a stage begins.

    Raises:
        SnapshotError: when another job is at work or the new snapshot fails verification.
    """
    layout = IndexLayout(settings.index)
    adapter = find_adapter(settings.encoder.adapter, settings.models, encoder.fingerprint)
    with locked(layout):
        on_stage("embedding")
        embedded = embed_missing(store, encoder, progress=on_embedded)
        recipe = snapshot_recipe(encoder.fingerprint, adapter, settings.indexing)
        live = None if full or embedded else _up_to_date(store, layout, recipe)
        if live is not None:
            return ReindexResult(live, embedded, built=False)
        on_stage("building")
        manifest = build_snapshot(store, layout, encoder, adapter, settings.indexing, settings.ranking.candidates)
        on_stage("publishing")
        publish(layout, manifest.name)
        prune(layout, settings.indexing.keep)
    return ReindexResult(manifest, embedded, built=True)


def _up_to_date(store: Store, layout: IndexLayout, recipe: str) -> Manifest | None:
    """The live snapshot's manifest, if it is whole and a new build would only repeat it."""
    name = current_name(layout)
    if name is None:
        return None
    try:
        manifest = verify(layout, name)
    except SnapshotError as problem:
        logger.warning("building anew: %s", problem)
        return None
    return manifest if (manifest.revision, manifest.recipe) == (store.latest_revision(), recipe) else None
