"""How the index stands: what an operator or a monitor wants to know at one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recommend.encoder import encoder_fingerprint
from recommend.errors import SnapshotError, truncated_repr
from recommend.index.snapshot.catalog import current_name, live_manifest
from recommend.index.snapshot.layout import IndexLayout, is_name
from recommend.jobs.encoder_choice import decided
from recommend.jobs.last_run import LastRun, read_last_run
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.rows import Change, vector_fault

_NAMED = 10

SKEW = 60.0
"""Seconds that the clocks of two machines may well be apart."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of store and index.

    Attributes:
        snapshot: name of the live snapshot, None before the first or where ``CURRENT`` holds no name.
        snapshot_age: seconds since it was built; 0 when its date lies in the future.
        snapshot_articles: articles in it.
        staleness: seconds since the live snapshot was built or a job found nothing to add to it, whichever is later;
            no change has been waiting for longer. None when both are dated in the future, which tells nothing.
        ahead: seconds that the later of both lies in the future: a clock was, or is, wrong. 0 up to a minute.
        last_run: what became of the last job.
        revision: the store's; ``revision_lag`` how many changes the snapshot is behind (readers still see
            them), all before the first, None where the live one cannot be read.
        changed: articles changed since the snapshot, drafts and takedowns included; ``due`` whether they are as many as
            ``indexing.due`` says.
        set_aside: why published articles are not recommended, by id: what the store holds of them cannot be used. Those
            that the last job found, of a worker those among the changes since, too.
        encoder: fingerprint of the snapshot's embeddings; ``encoder_matches`` whether the settings name the same.
        articles: in the store, by status, with takedowns and those without an embedding.
        error: why nothing can be answered from the snapshot, or the last run cannot be read; None when all is well.
    """

    snapshot: str | None
    snapshot_age: float | None
    snapshot_articles: int | None
    revision: int
    revision_lag: int | None
    encoder: str | None
    encoder_matches: bool | None
    articles: dict[str, int]
    error: str | None
    staleness: float | None
    last_run: LastRun | None
    changed: int = 0
    due: bool = False
    set_aside: dict[str, str] = field(default_factory=dict)
    ahead: float = 0.0


def read_status(store: Store, settings: Settings) -> Status:
    """The present state of store and index."""
    wanted = encoder_fingerprint(decided(settings, store).encoder, settings.models)
    layout, now = IndexLayout(settings.index), datetime.now(UTC)
    name, manifest, last_run, error = current_name(layout), None, None, None
    try:
        last_run = read_last_run(layout)
    except SnapshotError as problem:
        error = str(problem)
    try:
        manifest = None if name is None else layout.snapshot(name).read_manifest()
    except SnapshotError as problem:
        error = f"the live snapshot cannot be read: {problem}"
    unread = name is not None and manifest is None
    name = name if name is not None and is_name(name) else None
    revision = store.latest_revision()
    if manifest is not None and manifest.revision > revision:
        error = (
            f"snapshot {name} is of revision {manifest.revision:,}, the store only at {revision:,}: it belongs to "
            "another store (see --store and --index), or to this one before a restore (run recommend reindex)"
        )
    elif manifest is not None and store.is_rolled_back(manifest.revision):
        error = f"snapshot {name} holds what a restore of the store undid; run recommend reindex"
    changed = 0 if manifest is None else store.changes.count(manifest.revision)
    built = None if manifest is None else datetime.fromisoformat(manifest.created_at)
    confirmed = last_run.succeeded if last_run is not None and last_run.snapshot == name else None
    ages = [(now - moment).total_seconds() for moment in (built, confirmed) if moment is not None and built is not None]
    ages_known = [max(age, 0.0) for age in ages if age >= -SKEW]
    return Status(
        snapshot=name,
        snapshot_age=None if built is None else max(ages[0], 0.0),
        snapshot_articles=None if manifest is None else manifest.articles,
        revision=revision,
        revision_lag=None if unread else max(0, revision - (0 if manifest is None else manifest.revision)),
        encoder=None if manifest is None else manifest.encoder,
        encoder_matches=None if manifest is None else manifest.encoder == wanted,
        articles=store.counts(wanted if manifest is None else manifest.encoder),
        error=error,
        staleness=min(ages_known, default=None),
        last_run=last_run,
        changed=changed,
        due=changed >= settings.indexing.due,
        set_aside={} if manifest is None else manifest.set_aside,
        ahead=max((-age for age in ages if age < -SKEW), default=0.0),
    )


def set_aside_summary(set_aside: Mapping[str, str]) -> str:
    """Which articles are set aside, and why the first few are, in one sentence."""
    some = "; ".join(
        f"{truncated_repr(article_id)}: {reason}" for article_id, reason in sorted(set_aside.items())[:_NAMED]
    )
    more = f"; and {len(set_aside) - _NAMED:,} more" if len(set_aside) > _NAMED else ""
    return f"{len(set_aside):,} articles are set aside, send them again: {some}{more}"


def set_aside(store: Store, settings: Settings) -> dict[str, str]:
    """Why published articles are not recommended, by id: those that the last job found, and rows changed since the live
    snapshot that cannot be read."""
    manifest = live_manifest(IndexLayout(settings.index))
    if manifest is None:
        return {}
    changes = store.changes.since(manifest.revision, manifest.encoder)
    changed = {change.article_id for change in changes}
    before = {one: reason for one, reason in manifest.set_aside.items() if one not in changed}
    faults = {change.article_id: _fault(change, manifest.dimension) for change in changes}
    return before | {article_id: fault for article_id, fault in faults.items() if fault is not None}


def _fault(change: Change, dimension: int) -> str | None:
    return change.fault if change.embedding is None else vector_fault(change.embedding, dimension)
