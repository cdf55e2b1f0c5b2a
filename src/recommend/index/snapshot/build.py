"""A snapshot is a pure function of the store at one revision, built and verified before it gets its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np
import orjson

from recommend.articles.boilerplate import NOTHING, Boilerplate
from recommend.articles.languages import primary_language
from recommend.encoder import Encoder, resolve_encoder_name
from recommend.encoder.adapter import Adapter, find_adapter
from recommend.errors import SnapshotError
from recommend.files import folder_aside, follow_mode, sync, sync_tree
from recommend.index import label_worth, labels, lexical, term_weights, titles
from recommend.index.agreement import agreement
from recommend.index.backlinks import Backlinks
from recommend.index.dense import VectorIndex, choose_kind, set_threads
from recommend.index.expansion import expanded_lengths, expanded_vectors, is_long
from recommend.index.name_beginnings import NEWEST, name_beginnings
from recommend.index.neighbourhood import Neighbourhood
from recommend.index.projection import Projection
from recommend.index.series_means import SeriesMeans
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.incremental import Corpus, made_by, read
from recommend.index.snapshot.layout import FORMAT, IndexLayout, Manifest, SnapshotLayout
from recommend.index.snapshot.recall import RECALL_AT, sampled_recall
from recommend.index.table import ArticleTable
from recommend.index.term_counts import RULES
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

_SET_ASIDE_NAMED = 1_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything but the store's revision that decides what a snapshot holds.

    Attributes:
        encoder: whose embeddings; ``encoder_name`` what settings call it.
        adapter: what they go through, None for nothing.
        settings: kind of index, and how it is verified.
        depth: candidates that dense search contributes; what recall is measured with.
        boilerplate: what all is made without.
        exposure: as ``policy.exposure``.
        shards: on how many servers it is to lie.
    """

    encoder: Encoder
    encoder_name: str
    adapter: Adapter | None
    settings: IndexSettings
    depth: int
    boilerplate: Boilerplate = NOTHING
    exposure: float = 0.0
    shards: int = 1

    @classmethod
    def of(cls, encoder: Encoder, settings: Settings) -> Recipe:
        """The one that the settings ask for.

        Raises:
            EncoderError: when the adapter that they name does not fit the encoder.
        """
        return cls(
            encoder,
            resolve_encoder_name(settings.encoder.name, settings.models),
            find_adapter(settings.encoder.adapter, settings.models, encoder.fingerprint),
            settings.indexing,
            settings.ranking.candidates,
            exposure=settings.policy.exposure if settings.policy.on else 0.0,
            shards=1 + len(settings.pgvector.shards),
        )

    @property
    def digest(self) -> str:
        """8 hexadecimal digits that stand for what changes a snapshot."""
        mapped = None if self.adapter is None else self.adapter.manifest.sha256
        chosen = (
            self.settings.kind,
            self.settings.expansion,
            self.settings.expansion_time,
            sorted(self.boilerplate.found),
            *([self.exposure] if self.exposure else []),
            *([f"{self.shards} shards"] if self.shards > 1 else []),
        )
        return sha256(orjson.dumps([FORMAT, RULES, self.encoder.fingerprint, mapped, *chosen])).hexdigest()[:8]


def free_name(layout: IndexLayout, revision: int, recipe: str, others: Iterable[str] = ()) -> str:
    """A snapshot that readers may have open is never overwritten: a rebuild of the same revision gets a number, and
    ``others`` are taken, too."""
    name = f"r{revision:010d}-{recipe}"
    taken = {path.name for path in layout.snapshots.iterdir()} | {*others}
    return next(n for n in (name, *(f"{name}.{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def build_snapshot(
    store: Store,
    layout: IndexLayout,
    recipe: Recipe,
    *,
    before: Corpus | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Writes the snapshot of the store's present revision, durable and verified, without publishing it.

    Texts are read of the articles only that the live snapshot does not hold as they are.

    Args:
        store: where the published articles are read from, in one transaction.
        layout: where to.
        recipe: what it is made by.
        before: what is kept of articles that are as they were; None for what the live snapshot holds.
        on_stage: called with a few words when a stage begins.

    Raises:
        SnapshotError: when verification fails; nothing is left behind then.
    """
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.snapshots.mkdir(mode=0o700, exist_ok=True)
    with folder_aside(layout.snapshots, ".building-") as temp_path:
        kept = live_corpus(layout) if before is None else before
        manifest = _write(store, layout, SnapshotLayout(temp_path), recipe, kept, on_stage)
        follow_mode(temp_path, layout.snapshots)
        sync_tree(temp_path)
        temp_path.rename(layout.snapshot(manifest.name).root)
        sync(layout.snapshots)
    return manifest


def _write(
    store: Store,
    index_layout: IndexLayout,
    layout: SnapshotLayout,
    recipe: Recipe,
    kept: Corpus,
    on_stage: Callable[[str], None],
) -> Manifest:
    encoder, adapter, settings = recipe.encoder, recipe.adapter, recipe.settings
    on_stage("reading articles")
    reading, pending, raw = read(store, encoder, kept)
    table = reading.table
    languages = _languages(table)
    for article_id, reason in reading.set_aside.items():
        logger.warning("article %r is set aside: %s", article_id, reason)
    on_stage("projecting embeddings")
    projection = Projection.fit(raw, None if adapter is None else adapter.weights, languages)
    alone = projection.apply(raw, languages)
    del raw
    foreign = None if encoder.language is None else table.masks.foreign_to(encoder.language)
    trusted = alone if foreign is None else np.where(foreign[:, None], np.float32(0), alone)
    on_stage("counting terms and indexing embeddings")
    kind = choose_kind(settings.kind, len(table))
    set_threads(0)
    with ThreadPoolExecutor(1) as pool:  # FAISS computes while Python counts words
        building = pool.submit(VectorIndex.build, alone, kind)
        counts = pending.counts()
        lexicon, matrix = term_weights.fit(titles.telling(counts, table, languages), trusted, languages)
        index = building.result()
    del pending, trusted
    on_stage("finding neighbours")
    typical = counts.typical_words
    near = Neighbourhood.of(alone, index, matrix, table.published_at, reading.groups, typical, settings, foreign)
    on_stage("indexing expanded embeddings")
    means = SeriesMeans.of(table, alone) if is_long(typical) else SeriesMeans.none(alone.shape[1])
    embeddings = expanded_vectors(means.off(alone, titles.titles_of(table)), near.rows)
    index = index.refilled(embeddings)
    on_stage("checking recall")
    recall = sampled_recall(index, embeddings, settings.verify_sample, recipe.depth)
    if recall < settings.verify_recall:
        raise SnapshotError(
            f"snapshot of revision {reading.revision}: recall@{RECALL_AT} of {kind.name} is {recall:.4f} < "
            f"{settings.verify_recall}; choose another indexing.kind or lower indexing.verify_recall"
        )
    on_stage("writing")
    np.save(layout.embeddings, embeddings)
    reading.save(layout)
    index.save(layout.vectors)
    projection.save(layout.projection)
    lexical.save(lexicon, matrix, counts, layout.lexical)
    tagged = labels.write(table.labels("tags"), layout.tags)
    written = labels.write(table.labels("authors"), layout.authors)
    titles.save(*titles.fit_table(table, languages, lexicon), layout.titles)
    means.save(layout.titles)
    backlinks = Backlinks.of(table, reading.links_to, reading.groups)
    backlinks.save(layout.backlinks)
    np.save(layout.neighbours, near.rows)
    np.save(layout.lengths, expanded_lengths(matrix, near.rows))
    manifest = Manifest(
        format=FORMAT,
        name=free_name(index_layout, reading.revision, recipe.digest),
        revision=reading.revision,
        recipe=recipe.digest,
        articles=len(table),
        encoder=encoder.fingerprint,
        encoder_name=recipe.encoder_name,
        max_tokens=encoder.max_tokens,
        language=encoder.language,
        adapter=None if adapter is None else adapter.manifest.name,
        expansion=near.expands,
        expansion_time=settings.expansion_time,
        units=near.units,
        mean_similarity=near.similarity,
        typical_terms=typical,
        time_curve=near.time_curve,
        feature_worth=label_worth.measure(table.codes("section"), tagged, written, near.by_content, reading.groups)
        | backlinks.worth(near.by_content, reading.groups),
        links=int(backlinks.rows.nnz),
        beginnings=name_beginnings(map(table.headline, table.timeline.newest_first[:NEWEST].tolist())),
        dimension=encoder.dimension,
        kind=kind.name,
        made_by=made_by(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        recall=recall,
        sha256=layout.checksums(),
        agreement={} if foreign is None else agreement(alone, matrix, languages),
        set_aside=dict(sorted(reading.set_aside.items())[:_SET_ASIDE_NAMED]),
    )
    layout.manifest.write_bytes(manifest.content)
    return manifest


def live_corpus(layout: IndexLayout) -> Corpus:
    """What the live snapshot holds of its articles; empty where there is none to rely upon."""
    name = current_name(layout)
    try:
        if name is None:
            return Corpus.empty()
        return Corpus.load(layout.snapshot(layout.snapshot(name).read_manifest().base or name))
    except SnapshotError as problem:
        logger.warning("the live snapshot's derived article data cannot be reused: %s", problem)
        return Corpus.empty()


def _languages(table: ArticleTable) -> list[str | None]:
    """Of each article, its primary part."""
    values = [*(primary_language(value) or None for value in table.values("language")), None]
    return [values[code] for code in table.codes("language").tolist()]
