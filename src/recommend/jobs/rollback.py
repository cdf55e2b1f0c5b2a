"""Going back to an earlier snapshot: everything that changed since, takedowns above all, is replayed on top of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.index.opening import opened_servers
from recommend.index.snapshot.catalog import previous_name
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked
from recommend.jobs.publish import publish_embedded
from recommend.settings import Settings
from recommend.store import Store


def rollback(
    store: Store, settings: Settings, open_encoder: Callable[[Manifest], Encoder], name: str | None = None
) -> Manifest:
    """Makes another snapshot the live one, at once and whole; readers notice before their next answer.

    Readers lay every change since its revision over it, so nothing that was taken down since comes back. Changes that
    its encoder has not embedded, because another one was in use, are embedded before it is published; readers open
    that encoder of themselves.

    Args:
        store: the articles.
        settings: index folder.
        open_encoder: opens the encoder of a snapshot.
        name: of the snapshot; the one before the live one when not given.

    Returns:
        The manifest of the snapshot that is live now.

    Raises:
        SnapshotError: when another job is at work, there is no such snapshot, it fails verification, or holds a
            revision that a restore undid.
        EncoderError: when its encoder cannot be opened.
    """
    layout, switch = IndexLayout(settings.index), None
    with locked(layout), opened_servers(settings) as servers:
        if servers is None:
            manifest = verify(layout, previous_name(layout) if name is None else name)
        else:
            from recommend.index.pgvector.generations import generation  # only where the extra is installed
            from recommend.index.pgvector.generations import switch as switch_to
            from recommend.jobs.generation import previous_generation

            manifest = previous_generation(servers) if name is None else generation(servers, name).manifest
            switch = partial(switch_to, servers, manifest.name)
        if store.is_rolled_back(manifest.revision):
            raise SnapshotError(
                f"snapshot {manifest.name} holds revision {manifest.revision}, which a restore of the store undid; "
                "run recommend reindex"
            )
        publish_embedded(store, layout, manifest.name, open_encoder(manifest), switch=switch)
    return manifest
