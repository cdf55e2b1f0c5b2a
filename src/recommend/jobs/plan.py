"""What a re-index would do, at what cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from recommend.encoder import Encoder, encode_articles
from recommend.index.dense import choose_kind
from recommend.index.opening import opened_servers
from recommend.index.snapshot.build import Recipe
from recommend.index.snapshot.catalog import live_manifest
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.settings import Settings
from recommend.store import Store

_MEASURED = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job would do.

    Attributes:
        articles: published ones, all of which the snapshot would hold; ``kind`` its FAISS index.
        to_embed: articles that lack an embedding; ``seconds`` for that, by the rate of a small sample.
        live: the live snapshot; ``changes`` articles that changed since.
        builds: False when the live snapshot is up to date.
        step: whether only those are brought, to a server.
    """

    articles: int
    kind: str
    to_embed: int
    seconds: float
    live: str | None
    changes: int
    builds: bool
    step: bool = False


def plan(store: Store, encoder: Encoder, settings: Settings, *, full: bool = False) -> Plan:
    """What :func:`~recommend.jobs.reindex.reindex` would do, at what cost; nothing is written."""
    layout = IndexLayout(settings.index)
    counts = store.counts(encoder.fingerprint)
    some = store.embeddings.lacking(encoder.fingerprint, _MEASURED)
    started = time.perf_counter()
    if some:
        encode_articles(encoder, some)
    seconds = (time.perf_counter() - started) * counts["unembedded"] / max(len(some), 1)
    recipe = replace(Recipe.of(encoder, settings), boilerplate=store.boilerplate.read()).digest
    live, step = _live(store, layout, settings, recipe)
    repeats = live is not None and (live.revision, live.recipe) == (store.latest_revision(), recipe)
    return Plan(
        articles=counts["published"],
        kind=choose_kind(settings.indexing.kind, counts["published"]).name,
        to_embed=counts["unembedded"],
        seconds=seconds,
        live=None if live is None else live.name,
        changes=store.changes.count(0 if live is None else live.revision),
        builds=full or bool(some) or not repeats,
        step=step and not full,
    )


def _live(store: Store, layout: IndexLayout, settings: Settings, recipe: str) -> tuple[Manifest | None, bool]:
    """The live snapshot, and whether it lies on a server where it is enough to bring what changed since."""
    with opened_servers(settings) as servers:
        if servers is not None:
            from recommend.jobs.steps import step_from  # only where the extra is installed

            if (stepping := step_from(servers, store, settings, recipe)) is not None:
                return stepping.manifest, True
    return live_manifest(layout), False
