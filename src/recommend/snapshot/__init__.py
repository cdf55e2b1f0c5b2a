"""Snapshots: immutable folders that readers map into memory, published by replacing one file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from recommend import labels, lexical
from recommend.arrays import mapped, widened
from recommend.articles.article import Article
from recommend.articles.duplicates import group_key
from recommend.dates import nearness, seconds
from recommend.errors import SnapshotError, shown
from recommend.files import replace_file
from recommend.lexical import Lexicon
from recommend.neighbourhood import CANDIDATES, COUNT, SHARE, TIME_SCALE, mixed_terms, pair_scores
from recommend.projection import Projection
from recommend.segment import SMALLEST_INDEXED, Prepared, Segment
from recommend.snapshot.build import build_snapshot, snapshot_recipe
from recommend.snapshot.catalog import (
    Listed,
    current_name,
    list_snapshots,
    live_manifest,
    previous_name,
    published_names,
)
from recommend.snapshot.contents import check_contents
from recommend.snapshot.last_run import LastRun, is_locked, read_last_run, recorded
from recommend.snapshot.layout import IndexLayout, Manifest, is_name
from recommend.snapshot.stamps import drop_stamps, is_stamped, keep_stamp, stamp_of
from recommend.table import ArticleTable, row_of, same_language
from recommend.vectors import KINDS, VectorIndex

FloatArray = NDArray[np.float32]

_PATIENCE = 0.2  # seconds: whoever only looks whether the lock is held lets go at once


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

    def __reduce__(self) -> tuple[object, ...]:
        return open_snapshot, (self.layout, self.manifest.name)

    def prepare(self, article: Article, embedding: FloatArray) -> Prepared:
        """An article that the snapshot does not hold, prepared as its own are; ``embedding`` (d,) is the encoder's."""
        segment = self.segment
        vector = self.projection.apply(embedding[None, :])[0]
        terms = self.lexicon.weigh(article.full_text)
        near = segment.nearest(vector, CANDIDATES)
        near = near[near != segment.table.row(article.id)]
        if not self.manifest.company or not same_language(article.language, self.manifest.language):
            near = near[:0]
        scores = pair_scores(
            widened(segment.embeddings[near]) @ vector / self.manifest.units[0],
            segment.matrix.scores(near, terms)[0] / self.manifest.units[1],
            nearness(segment.table.published_at[near], seconds(article.published_at), TIME_SCALE),
            self.manifest.company_time,
        )
        company = near[np.lexsort((near, -scores))[:COUNT]]
        own = COUNT - len(company)  # as when the index is built, the article itself stands in for those it lacks
        share = SHARE / COUNT
        others = widened(segment.embeddings[company]).sum(axis=0)
        mixed = (1 - SHARE + own * share) * vector + share * others
        length = float(np.linalg.norm(mixed))
        context = mixed_terms(terms, [*map(segment.matrix.vector, company.tolist()), *[terms] * own])
        return Prepared(
            article,
            row_of(article),
            mixed / length if length else mixed,
            terms,
            context,
            group_key(article),
            labels.weigh(self.tags, article.tags),
            labels.weigh(self.authors, article.authors),
        )


def open_snapshot(layout: IndexLayout, name: str) -> Snapshot:
    """Opens a snapshot, mapped into memory; files are not read through.

    Raises:
        SnapshotError: when it is missing, torn or of another format.
    """
    parts = layout.snapshot(name)
    manifest = parts.read_manifest()
    try:
        embeddings = mapped(parts.embeddings)
        indexed = manifest.articles >= SMALLEST_INDEXED
        index = VectorIndex.load(parts.vectors, KINDS[manifest.kind], embeddings) if indexed else None
        lexicon, matrix = lexical.load(parts.lexical)
        tags, tagged = lexical.load(parts.tags)
        authors, written = lexical.load(parts.authors)
        segment = Segment(
            ArticleTable.load(parts.articles),
            embeddings,
            matrix,
            mapped(parts.groups),
            mapped(parts.neighbours),
            mapped(parts.lengths),
            (),
            index,
            manifest.time_curve,
            tagged,
            written,
        )
        projection = Projection.load(parts.projection)
    except (OSError, EOFError, ValueError, KeyError) as problem:
        raise SnapshotError(f"snapshot {name} is torn: {problem}; run recommend reindex") from None
    return Snapshot(layout, manifest, segment, lexicon, projection, tags, authors)


def verify(layout: IndexLayout, name: str) -> Manifest:
    """Reads every file of a snapshot and holds it against the manifest, then the parts against each other.

    Raises:
        SnapshotError: naming the first file that is missing, changed, unexpected or a link, or what is out of range.
    """
    parts = layout.snapshot(name)
    manifest = parts.read_manifest()
    if manifest.name != name:
        raise SnapshotError(f"snapshot {name}: manifest.json is that of {shown(manifest.name)}")
    try:
        for path in parts.root.rglob("*"):
            if path.is_symlink():
                raise SnapshotError(f"snapshot {name}: {path.relative_to(parts.root)} is a symbolic link")
        found = parts.checksums()
        for file in sorted(manifest.sha256.keys() | found.keys()):
            if manifest.sha256.get(file) != found.get(file):
                raise SnapshotError(
                    f"snapshot {name}: {file} has SHA-256 {found.get(file)} != {manifest.sha256.get(file)}"
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


def publish(layout: IndexLayout, name: str) -> None:
    """Makes a snapshot the live one: readers see the old one or this one, never anything between.

    Raises:
        SnapshotError: when it fails verification.
    """
    confirm(layout, name)
    point_to(layout, name)


def point_to(layout: IndexLayout, name: str) -> None:
    """The last step of :func:`publish` alone, for a snapshot that was just verified."""
    before = [one for one in published_names(layout) if one != name and layout.snapshot(one).root.exists()]
    replace_file(layout.published, "".join(f"{one}\n" for one in (*before, name)).encode())
    replace_file(layout.current, f"{name}\n".encode())


def prune(layout: IndexLayout, keep: int) -> list[str]:
    """Removes all but the ``keep`` newest snapshots (the live one always stays) and what killed builds left. What no
    job put there stays: links, say.

    Returns:
        The names removed.
    """
    live = current_name(layout)
    for leftover in layout.snapshots.glob(".*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for leftover in layout.unfinished():
        leftover.unlink(missing_ok=True)
    others = [path for path in layout.snapshots.iterdir() if path.name != live and _is_snapshot(path)]
    newest_first = sorted(others, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    removed = [path.name for path in newest_first[max(keep - 1, 0) :]]
    for name in removed:
        remove(layout, name)
    drop_stamps(layout)
    return removed


def _is_snapshot(path: Path) -> bool:
    """Whether it was put here by a job: links and whatever else lies among the snapshots are nobody's to remove."""
    return is_name(path.name) and not path.is_symlink() and path.is_dir()


def remove(layout: IndexLayout, name: str) -> None:
    """Removes a snapshot; readers that have it open keep what they have."""
    shutil.rmtree(layout.snapshot(name).root.rename(layout.snapshots / f".removed-{name}"))


@contextmanager
def locked(layout: IndexLayout) -> Iterator[None]:
    """Keeps a second writing job out of the index folder while the block runs.

    Raises:
        SnapshotError: when another job holds it.
    """
    layout.root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(layout.lock, timeout=_PATIENCE):
            yield
    except Timeout:
        raise SnapshotError(f"another job is writing {shown(str(Path(layout.root)))}; wait for it to end") from None


__all__ = [
    "IndexLayout",
    "LastRun",
    "Listed",
    "Manifest",
    "Snapshot",
    "build_snapshot",
    "confirm",
    "current_name",
    "is_locked",
    "is_stamped",
    "list_snapshots",
    "live_manifest",
    "locked",
    "open_snapshot",
    "open_verified",
    "point_to",
    "previous_name",
    "prune",
    "publish",
    "published_names",
    "read_last_run",
    "recorded",
    "remove",
    "snapshot_recipe",
    "verify",
]
