"""How the index stands: what an operator or a monitor wants to know at one look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from recommend.encoder import encoder_fingerprint
from recommend.errors import SnapshotError
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, LastRun, current_name, read_last_run
from recommend.store import Store

SKEW = 60.0
"""Seconds that the clocks of two machines may well be apart."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of store and index.

    Attributes:
        snapshot: name of the live snapshot, None before the first.
        snapshot_age: seconds since it was built; 0 when its date lies in the future.
        snapshot_articles: articles in it.
        staleness: seconds since the live snapshot was built or a job found nothing to add to it, whichever is later;
            no change has been waiting for longer. None when both are dated in the future, which tells nothing.
        ahead: seconds that the later of both lies in the future: a clock was, or is, wrong. 0 up to a minute.
        last_run: what became of the last job.
        revision: the store's; ``revision_lag`` how many changes the snapshot is behind (readers still see them).
        changed: articles changed since the snapshot, drafts and takedowns included; ``due`` whether they are as many as
            ``indexing.due`` says.
        encoder: fingerprint of the snapshot's embeddings; ``encoder_matches`` whether the settings name the same.
        articles: in the store, by status, with takedowns and those without an embedding.
        error: why nothing can be answered from the snapshot, or the last run cannot be read; None when all is well.
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
    staleness: float | None
    last_run: LastRun | None
    changed: int = 0
    due: bool = False
    ahead: float = 0.0


def read_status(store: Store, settings: Settings) -> Status:
    """The present state of store and index."""
    wanted = encoder_fingerprint(settings.encoder, settings.models)
    layout, now = IndexLayout(settings.index), datetime.now(UTC)
    name, manifest, last_run, error = current_name(layout), None, None, None
    try:
        last_run = read_last_run(layout)
        manifest = None if name is None else layout.snapshot(name).read_manifest()
    except SnapshotError as problem:
        error = str(problem)
    if manifest is not None and store.is_void(manifest.revision):
        error = f"snapshot {name} holds what a restore of the store undid; run recommend reindex"
    revision = store.latest_revision()
    changed = 0 if manifest is None else store.changed_since(manifest.revision)
    built = None if manifest is None else datetime.fromisoformat(manifest.created_at)
    confirmed = last_run.succeeded if last_run is not None and last_run.snapshot == name else None
    ages = [(now - moment).total_seconds() for moment in (built, confirmed) if moment is not None and built is not None]
    told = [max(age, 0.0) for age in ages if age >= -SKEW]
    return Status(
        snapshot=name,
        snapshot_age=None if built is None else max(ages[0], 0.0),
        snapshot_articles=None if manifest is None else manifest.articles,
        revision=revision,
        revision_lag=revision - (0 if manifest is None else manifest.revision),
        encoder=None if manifest is None else manifest.encoder,
        encoder_matches=None if manifest is None else manifest.encoder == wanted,
        articles=store.counts(wanted if manifest is None else manifest.encoder),
        error=error,
        staleness=min(told, default=None),
        last_run=last_run,
        changed=changed,
        due=changed >= settings.indexing.due,
        ahead=max((-age for age in ages if age < -SKEW), default=0.0),
    )
