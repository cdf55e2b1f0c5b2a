"""Snapshots: immutable folders that readers map into memory, published by replacing one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import load_mmap, to_float32
from recommend.articles.article import Article
from recommend.articles.boilerplate import Boilerplate
from recommend.articles.duplicates import group_key
from recommend.articles.languages import same_language
from recommend.errors import SnapshotError, truncated_repr
from recommend.index import labels, lexical, titles
from recommend.index.backlinks import Backlinks
from recommend.index.dates import nearness, seconds
from recommend.index.dense import KINDS, VectorIndex
from recommend.index.expansion import (
    CANDIDATES,
    NEIGHBOUR_COUNT,
    NEIGHBOUR_SHARE,
    TIME_SCALE,
    is_long,
    mixed_with_length,
    pair_scores,
)
from recommend.index.lexicon import Lexicon
from recommend.index.projection import Projection
from recommend.index.query import Prepared
from recommend.index.segment import SMALLEST_INDEXED, Segment
from recommend.index.series_means import SeriesMeans
from recommend.index.snapshot.contents import check_contents
from recommend.index.snapshot.layout import EXPOSURE, IndexLayout, Manifest
from recommend.index.snapshot.stamps import is_stamped, keep_stamp, stamp_of
from recommend.index.table import ArticleTable, row_of

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open snapshot; pickled by its name in its folder, which whoever unpickles it opens again."""

    layout: IndexLayout
    manifest: Manifest
    segment: Segment
    lexicon: Lexicon
    projection: Projection
    tags: Lexicon
    authors: Lexicon
    series: Mapping[str, Sequence[str]]
    series_means: SeriesMeans
    boilerplate: Boilerplate
    exposure: NDArray[np.int32] | None

    def __reduce__(self) -> tuple[object, ...]:
        return open_snapshot, (self.layout, self.manifest.name)

    def prepare(self, article: Article, embedding: FloatArray) -> Prepared:
        """An article that the snapshot does not hold, prepared as its own are, without what is boilerplate among those;
        ``embedding`` (d,) is the encoder's."""
        article = self.boilerplate.without(article)
        projected = self.projection.apply(embedding[None, :], [article.language])
        vector = self.series_means.off(projected, [(article.title, article.site)])[0]
        segment = self.segment.around(vector, CANDIDATES)
        name = titles.series_of(article.title, article.site, self.series)
        said_apart = is_long(self.manifest.typical_terms)
        terms = self.lexicon.weigh(article.full_text, article.language, name if said_apart else "")
        near = segment.nearest(vector, CANDIDATES)
        near = near[near != segment.table.row(article.id)]
        if not self.manifest.expansion or not same_language(article.language, self.manifest.language):
            near = near[:0]
        scores = pair_scores(
            to_float32(segment.embeddings[near]) @ vector / self.manifest.units[0],
            segment.matrix.scores(near, terms)[0] / self.manifest.units[1],
            nearness(segment.table.published_at[near], seconds(article.published_at), TIME_SCALE),
            self.manifest.expansion_time,
        )
        neighbours = near[np.lexsort((near, -scores))[:NEIGHBOUR_COUNT]]
        own = NEIGHBOUR_COUNT - len(
            neighbours
        )  # as when the index is built, the article itself stands in for those it lacks
        share = NEIGHBOUR_SHARE / NEIGHBOUR_COUNT
        others = to_float32(segment.embeddings[neighbours]).sum(axis=0)
        mixed = (1 - NEIGHBOUR_SHARE + own * share) * vector + share * others
        length = float(np.linalg.norm(mixed))
        context, context_length = mixed_with_length(
            terms, [*map(segment.matrix.vector, neighbours.tolist()), *[terms] * own]
        )
        linked_by, links_as = self.segment.links_of(article.id)
        return Prepared(
            article,
            row_of(article),
            mixed / length if length else mixed,
            terms,
            context,
            group_key(article),
            labels.weigh(self.tags, article.tags),
            labels.weigh(self.authors, article.authors),
            titles.weigh(
                titles.without_series(article.title, article.site, self.series), article.language, self.lexicon
            ),
            linked_by,
            links_as=links_as,
            neighbours=tuple(map(segment.table.id, neighbours.tolist())),
            length=context_length,
        )


def open_snapshot(layout: IndexLayout, name: str) -> Snapshot:
    """Opens a snapshot, mapped into memory; files are not read through.

    Raises:
        SnapshotError: when it is missing, torn or of another format.
    """
    parts = layout.snapshot(name)
    manifest = parts.read_manifest()
    try:
        embeddings = load_mmap(parts.embeddings)
        indexed = manifest.articles >= SMALLEST_INDEXED
        index = VectorIndex.load(parts.vectors, KINDS[manifest.kind], embeddings) if indexed else None
        lexicon, matrix = lexical.load(parts.lexical)
        tags, tagged = lexical.load(parts.tags)
        authors, written = lexical.load(parts.authors)
        titled, series = titles.load(parts.titles, len(lexicon))
        segment = Segment(
            ArticleTable.load(parts.articles),
            embeddings,
            matrix,
            load_mmap(parts.groups),
            load_mmap(parts.neighbours),
            load_mmap(parts.lengths),
            (),
            index,
            manifest.time_curve,
            tagged,
            written,
            titled,
            Backlinks.load(parts.backlinks),
        )
        means = SeriesMeans.load(parts.titles, series, manifest.dimension)
        projection = Projection.load(parts.projection)
        boilerplate = Boilerplate.of(load_mmap(parts.boilerplate))
        exposure = load_mmap(parts.exposure) if EXPOSURE in manifest.sha256 else None
    except (OSError, EOFError, ValueError, KeyError) as problem:
        raise SnapshotError(f"snapshot {name} is torn: {problem}; run recommend reindex") from None
    return Snapshot(layout, manifest, segment, lexicon, projection, tags, authors, series, means, boilerplate, exposure)


def verify(layout: IndexLayout, name: str) -> Manifest:
    """Reads every file of a snapshot and holds it against the manifest, then the parts against each other.

    Raises:
        SnapshotError: naming the first file that is missing, changed, unexpected or a link, or what is out of range.
    """
    parts = layout.snapshot(name)
    manifest = parts.read_manifest()
    if manifest.name != name:
        raise SnapshotError(f"snapshot {name}: manifest.json is that of {truncated_repr(manifest.name)}")
    try:
        for path in parts.root.rglob("*"):
            if path.is_symlink():
                raise SnapshotError(f"snapshot {name}: {path.relative_to(parts.root)} is a symbolic link")
        checksums = parts.checksums()
        for file in sorted(manifest.sha256.keys() | checksums.keys()):
            if manifest.sha256.get(file) != checksums.get(file):
                raise SnapshotError(
                    f"snapshot {name}: {file} has SHA-256 {checksums.get(file)} != {manifest.sha256.get(file)}"
                )
        check_contents(parts, manifest)
    except OSError as problem:
        raise SnapshotError(f"snapshot {name} cannot be read: {problem}") from None
    return manifest


def confirm(layout: IndexLayout, name: str) -> Manifest:
    """Verifies a snapshot, and notes that beside the snapshots, so that nobody on this machine need do it again.

    Raises:
        SnapshotError: as :func:`verify`.
    """
    layout.snapshot(name).read_manifest()  # a snapshot that is not there is told best by this
    try:
        stamp = stamp_of(layout, name)
    except OSError as problem:
        raise SnapshotError(f"snapshot {name} cannot be read: {problem}") from None
    manifest = verify(layout, name)
    keep_stamp(layout, name, stamp)
    return manifest


def open_verified(layout: IndexLayout, name: str, *, remember: bool = False) -> Snapshot:
    """Opens a snapshot that was verified and not touched since; one that was not is verified first.

    Args:
        layout: the index folder.
        name: of the snapshot.
        remember: whether to note it beside the snapshots when it had to be verified.

    Raises:
        SnapshotError: when it fails verification.
    """
    if not is_stamped(layout, name):
        (confirm if remember else verify)(layout, name)
    return open_snapshot(layout, name)
