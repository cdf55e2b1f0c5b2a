"""Everything that can be checked about store, models and index, and how to mend what is wrong. Changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import exists, func, select

from recommend.encoder import encoder_fingerprint, verify_encoder
from recommend.encoder.adapter import find_adapter
from recommend.errors import RecommendError, SnapshotError
from recommend.index.snapshot.catalog import current_name, list_snapshots, live_manifest
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import verify
from recommend.jobs.encoder_choice import decided
from recommend.jobs.last_run import is_locked
from recommend.jobs.status import read_status, set_aside_summary
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.database import reading
from recommend.store.rows import VECTOR_DTYPE
from recommend.store.schema import articles, counter, curation, curation_log, embeddings
from recommend.store.sqlite import store_files
from recommend.store.takedowns import INCOMPLETE

_SNAPSHOTS_OF_ROOM = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: the check that found it, what, and how to mend it."""

    check: str
    problem: str
    remedy: str


def examine(settings: Settings) -> list[Finding]:
    """What is wrong, nothing when all is well; a check that cannot be carried out is a finding, too."""
    settings = decided(settings)
    findings = [*_attempt(models, settings), *_attempt(snapshots, settings), *_attempt(leftovers, settings)]
    findings += _attempt(room, settings)
    if absent := list(_attempt(store_file, settings)):
        return absent + findings
    try:
        store = Store(settings.store, readonly=True)
    except RecommendError as problem:
        remedy = "restore a backup with recommend restore, correct --store, or do as it says"
        return [Finding("store", str(problem), remedy), *findings]
    with closing(store):
        for check in (integrity, revisions, vectors, unembedded, takedowns, history, clock, overlay, answers):
            findings += _attempt(check, settings, store)
    return findings


def store_file(settings: Settings) -> Iterator[Finding]:
    """SQLite: whether there is a file, which opening it would create."""
    files = store_files(settings.store)
    if files and not files[0].is_file():
        yield Finding("store", f"{files[0]} does not exist", "run recommend ingest or recommend restore")


def integrity(settings: Settings, store: Store) -> Iterator[Finding]:
    """SQLite: pages and indexes are whole."""
    if store.engine.dialect.name == "sqlite":
        with reading(store.engine) as connection:
            problems = connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
        if problems != ["ok"]:
            remedy = "restore a backup with recommend restore; what changed since has to be sent again"
            yield Finding("integrity", "; ".join(problems), remedy)


def revisions(settings: Settings, store: Store) -> Iterator[Finding]:
    """No change has a revision that was not handed out yet."""
    with reading(store.engine) as connection:
        handed_out = connection.execute(select(counter.c.value)).scalar_one()
        tables = (articles, curation, curation_log)
        highest = max(connection.execute(select(func.max(t.c.revision))).scalar_one() or 0 for t in tables)
    if highest > handed_out:
        remedy = f"UPDATE revision SET value = {highest}, restart the service, run recommend reindex --full"
        yield Finding("revisions", f"the counter is at {handed_out} < {highest}, the highest of a change", remedy)


def vectors(settings: Settings, store: Store) -> Iterator[Finding]:
    """Embeddings have the size of their encoder and belong to an article."""
    manifests = [one.manifest for one in list_snapshots(IndexLayout(settings.index)) if one.manifest is not None]
    dimensions = {manifest.encoder: manifest.dimension for manifest in manifests}
    size = func.length(embeddings.c.vector)
    sizes = select(embeddings.c.fingerprint, size, func.count()).group_by(embeddings.c.fingerprint, size)
    owned = exists().where(articles.c.id == embeddings.c.article_id, articles.c.deleted_at.is_(None))
    with reading(store.engine) as connection:
        counts = connection.execute(sizes.order_by(embeddings.c.fingerprint, func.count().desc())).all()
        orphans = connection.execute(select(func.count()).select_from(embeddings).where(~owned)).scalar_one()
    usual = {fingerprint: length for fingerprint, length, _ in reversed(counts)}
    usual |= {fingerprint: dimension * VECTOR_DTYPE.itemsize for fingerprint, dimension in dimensions.items()}
    for fingerprint, length, count in counts:
        if length != usual[fingerprint]:
            where = f"fingerprint = '{fingerprint}' AND length(vector) = {length}"
            remedy = f"DELETE FROM embeddings WHERE {where}, then run recommend reindex, which makes them anew"
            problem = f"{count} embeddings of encoder {fingerprint} have {length} bytes != {usual[fingerprint]}"
            yield Finding("vectors", problem, remedy)
    if orphans:
        where = "article_id NOT IN (SELECT id FROM articles WHERE deleted_at IS NULL)"
        yield Finding("vectors", f"{orphans} embeddings belong to no article", f"DELETE FROM embeddings WHERE {where}")


def unembedded(settings: Settings, store: Store) -> Iterator[Finding]:
    """Every article has an embedding of the live snapshot's encoder, or while there is none of the settings'."""
    live = live_manifest(IndexLayout(settings.index))
    fingerprint = encoder_fingerprint(settings.encoder, settings.models) if live is None else live.encoder
    count = store.counts(fingerprint)["unembedded"]
    if count:
        yield Finding("unembedded", f"{count} articles wait for an embedding", "run recommend reindex")


def models(settings: Settings) -> Iterator[Finding]:
    """The weights of encoder and adapter are those that their manifests name."""
    verify_encoder(settings.encoder, settings.models)
    find_adapter(settings.encoder.adapter, settings.models, encoder_fingerprint(settings.encoder, settings.models))
    yield from ()


def snapshots(settings: Settings) -> Iterator[Finding]:
    """A snapshot is live, it and all the others are whole, and it was made by the encoder that the settings name."""
    layout = IndexLayout(settings.index)
    live = current_name(layout)
    listed = list_snapshots(layout)
    if live is None:
        yield Finding("snapshots", f"{layout.root} holds no published snapshot", "run recommend reindex")
    elif live not in [one.name for one in listed]:
        remedy = "run recommend rollback NAME with one that recommend snapshots lists, or recommend reindex"
        yield Finding("snapshots", f"CURRENT names {live!r}, which does not exist", remedy)
    for one in listed:
        if settings.pgvector.url and not layout.snapshot(one.name).articles.exists():
            continue  # statistics of what lies on the server, verified whenever they are opened
        remedy = "run recommend rollback, then recommend reindex" if one.live else f"delete snapshots/{one.name}"
        try:
            manifest = verify(layout, one.name)
        except SnapshotError as problem:
            yield Finding("snapshots", str(problem), remedy)
            continue
        wanted = encoder_fingerprint(settings.encoder, settings.models)
        if one.live and manifest.encoder != wanted:
            remedy = "run recommend reindex --encoder, or set its name, max_tokens and max_words back"
            wrong = f"{one.name} was made by encoder {manifest.encoder} != {wanted} of the settings"
            yield Finding("snapshots", wrong, remedy)


def leftovers(settings: Settings) -> Iterator[Finding]:
    """No killed job left anything behind."""
    layout = IndexLayout(settings.index)
    if not layout.root.is_dir():
        return
    left = [*layout.snapshots.glob(".*"), *layout.unfinished()]
    if is_locked(layout):  # a job is at work: what looks left over is its own
        return
    for path in sorted(left):
        remedy = "run recommend reindex --full, which removes it, or delete it"
        yield Finding("leftovers", f"{path.relative_to(layout.root)} was left by a killed job", remedy)


def history(settings: Settings, store: Store) -> Iterator[Finding]:
    """The live snapshot is not of a revision that a restore undid."""
    for one in list_snapshots(IndexLayout(settings.index)):
        if one.live and one.manifest is not None and store.is_rolled_back(one.manifest.revision):
            problem = f"snapshot {one.name} holds what a restore of the store undid: nothing is answered"
            yield Finding("history", problem, "run recommend reindex")


def takedowns(settings: Settings, store: Store) -> Iterator[Finding]:
    """The takedown log can be read, so that a restore can go by it even when the store is lost."""
    log = store.takedown_log()
    if log is not None and (entries := log.read()) is not None and entries[0] == INCOMPLETE:
        problem = f"takedown log {log.path} does not tell since when it is complete"
        yield Finding("takedowns", problem, "move it aside, which begins a new one; make a backup")


def clock(settings: Settings, store: Store) -> Iterator[Finding]:
    """Nothing was made in the future."""
    ahead = read_status(store, settings).ahead
    if ahead:
        problem = f"snapshot or last job are dated {ahead / 3600:.1f} hours in the future: a clock was, or is, wrong"
        yield Finding("clock", problem, "set the clock right, then run recommend reindex --full")


def overlay(settings: Settings, store: Store) -> Iterator[Finding]:
    """Few enough changes lie over the live snapshot: each is prepared anew when a process starts."""
    live = next((one.manifest for one in list_snapshots(IndexLayout(settings.index)) if one.live), None)
    if live is None:
        return
    count = store.changes.count(live.revision)
    if count >= settings.indexing.due:
        yield Finding("overlay", f"{count} articles changed since snapshot {live.name}", "run recommend reindex")


def answers(settings: Settings, store: Store) -> Iterator[Finding]:
    """Related stories can be given: the ranker is readable, the snapshot opens, a box is filled without an error, no
    article is set aside."""
    if current_name(IndexLayout(settings.index)) is not None:
        recommender = Recommender(store, settings)
        for article_id in [*recommender.view().ids()][:1]:
            recommender.answer(article_id, 5)
        if recommender.set_aside:
            remedy = "send them again, or delete what is damaged; then run recommend reindex"
            yield Finding("answers", set_aside_summary(recommender.set_aside), remedy)


def room(settings: Settings) -> Iterator[Finding]:
    """The disk has room for the next snapshots."""
    layout = IndexLayout(settings.index)
    live = current_name(layout)
    if live is None or not layout.snapshot(live).root.is_dir():
        return
    size = sum(file.stat().st_size for file in layout.snapshot(live).root.rglob("*"))
    free = shutil.disk_usage(layout.root).free
    if free < _SNAPSHOTS_OF_ROOM * size:
        problem = f"{free / 2**30:.1f} GiB are free at {layout.root}, a snapshot takes {size / 2**30:.1f} GiB"
        yield Finding("room", problem, "free some room, or lower indexing.keep")


def _attempt(check: Callable[..., Iterator[Finding]], *arguments: object) -> list[Finding]:
    try:
        return list(check(*arguments))
    except (RecommendError, OSError) as problem:
        return [Finding(check.__name__, str(problem), _REMEDIES.get(check, "mend what is named and check again"))]


_REMEDIES: dict[Callable[..., Iterator[Finding]], str] = {
    models: "reinstall the package, or restore models/ from where it came",
    answers: "run recommend rollback or recommend reindex --full; restore models/ when a ranker is named",
    takedowns: "move it aside, which begins a new one; make a backup",
    integrity: "restore a backup with recommend restore",
}
