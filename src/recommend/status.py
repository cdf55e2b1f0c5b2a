"""How the index stands: what an operator or a monitor wants to know at one look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from recommend.encoder import encoder_fingerprint
from recommend.errors import SnapshotError
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, current_name
from recommend.store import Store


@dataclass(frozen=True, slots=True)
class Status:
    """The state of store and index.

    Attributes:
        snapshot: name of the live snapshot, None before the first.
        snapshot_age: seconds since it was built.
        snapshot_articles: articles in it.
        revision: the store's; ``revision_lag`` how many changes the snapshot is behind (readers still see them).
        encoder: fingerprint of the snapshot's embeddings; ``encoder_matches`` whether the settings name the same.
        articles: in the store, by status, with takedowns and those without an embedding.
        error: why the snapshot cannot be read, None when it can.
    """

    snapshot: str | None
    snapshot_age: float | None
    snapshot_articles: int | None
    revision: int
    revision_lag: int
    encoder: str | None
    encoder_matches: bool | None
    articles: dict[str, int]
    error: str | None


def read_status(store: Store, settings: Settings) -> Status:
    """The present state of store and index."""
    wanted = encoder_fingerprint(settings.encoder, settings.models)
    layout = IndexLayout(settings.index)
    name, manifest, error = current_name(layout), None, None
    if name is not None:
        try:
            manifest = layout.snapshot(name).read_manifest()
        except SnapshotError as problem:
            error = str(problem)
    revision = store.latest_revision()
    if manifest is None:
        return Status(name, None, None, revision, revision, None, None, store.counts(wanted), error)
    age = (datetime.now(UTC) - datetime.fromisoformat(manifest.created_at)).total_seconds()
    return Status(
        snapshot=name,
        snapshot_age=age,
        snapshot_articles=manifest.articles,
        revision=revision,
        revision_lag=revision - manifest.revision,
        encoder=manifest.encoder,
        encoder_matches=manifest.encoder == wanted,
        articles=store.counts(manifest.encoder),
        error=error,
    )
