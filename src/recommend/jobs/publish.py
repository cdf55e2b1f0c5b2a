"""Publishing a snapshot, of another encoder than the live one's perhaps, while articles keep coming in."""

from __future__ import annotations

from collections.abc import Callable

from recommend.encoder import Encoder
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import confirm
from recommend.index.snapshot.publishing import point_to
from recommend.ingest import embed_missing
from recommend.store import Store


def publish_embedded(
    store: Store,
    layout: IndexLayout,
    name: str,
    encoder: Encoder,
    *,
    switch: Callable[[], None] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Makes a snapshot the live one at a moment when its encoder has embedded every article of the store.

    Until then the service embeds what comes in with the encoder that is live. So what lacks an embedding is embedded
    first, and again what came in meanwhile, until nothing lacks one; then the snapshot goes live while no writer can
    commit. Whoever commits afterwards with the former encoder sees the new snapshot, and embeds again.

    Args:
        store: the articles.
        layout: the index folder.
        name: of the snapshot.
        encoder: the snapshot's.
        switch: makes it the live one where the articles lie on a server, by which it is verified then.
        progress: gets the number of each batch that is embedded.

    Returns:
        How many articles were embedded.

    Raises:
        SnapshotError: when the snapshot fails verification.
    """
    if switch is None:
        confirm(layout, name)
    embedded = 0
    while True:
        seen = store.latest_revision()
        embedded += embed_missing(store, encoder, progress=progress)
        with store.embeddings.all_embedded(encoder.fingerprint, seen) as all_embedded:
            if all_embedded:
                if switch is not None:
                    switch()
                point_to(layout, name)
                return embedded
