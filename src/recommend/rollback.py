"""Going back to an earlier snapshot: everything that changed since, takedowns above all, is replayed on top of it."""

from __future__ import annotations

from collections.abc import Callable

from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.ingest import embed_missing
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, Manifest, locked, previous_name, publish, verify
from recommend.store import Store


def rollback(
    store: Store, settings: Settings, fingerprint: str, open_encoder: Callable[[], Encoder], name: str | None = None
) -> Manifest:
    """Makes another snapshot the live one, at once and whole; readers notice before their next answer.

    Readers lay every change since its revision over it, so nothing that was taken down since comes back. Changes that
    its encoder has not embedded, because another one was in use, are embedded before it is published.

    Args:
        store: the articles.
        settings: index folder.
        fingerprint: of the encoder that the settings name.
        open_encoder: opens that encoder; called only when something lacks an embedding.
        name: of the snapshot; the one before the live one when not given.

    Returns:
        The manifest of the snapshot that is live now.

    Raises:
        SnapshotError: when another job is at work, there is no such snapshot, it fails verification, it was made by
            another encoder than the settings name, or of a revision that a restore undid.
    """
    layout = IndexLayout(settings.index)
    with locked(layout):
        manifest = verify(layout, previous_name(layout) if name is None else name)
        if manifest.encoder != fingerprint:
            raise SnapshotError(
                f"snapshot {manifest.name} was made by encoder {manifest.encoder} != {fingerprint} of "
                f"{settings.encoder.name!r}: set encoder.name, encoder.max_tokens back to those it was made with, here "
                "(--set) and for the service, which has to be restarted with them"
            )
        if store.is_void(manifest.revision):
            raise SnapshotError(
                f"snapshot {manifest.name} holds revision {manifest.revision}, which a restore of the store undid; "
                "run recommend reindex"
            )
        if store.counts(fingerprint)["unembedded"]:
            embed_missing(store, open_encoder())
        publish(layout, manifest.name)
    return manifest
