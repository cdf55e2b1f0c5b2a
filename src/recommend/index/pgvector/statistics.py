"""What a process keeps of a generation: statistics of its corpus, which hardly grow with the articles.

They are brought once to each machine, into its index folder, and mapped from there by all its processes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from scipy import sparse

from recommend.arrays import load_mmap
from recommend.articles.boilerplate import Boilerplate
from recommend.errors import SnapshotError
from recommend.files import file_sha256, folder_aside, sync_tree
from recommend.index import lexical, titles
from recommend.index.backlinks import Backlinks
from recommend.index.expansion import NEIGHBOUR_COUNT
from recommend.index.gathered import Gathered
from recommend.index.lexical import TermMatrix
from recommend.index.pgvector.generations import Generation, generation
from recommend.index.pgvector.joined import JoinedSource
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.source import PgvectorSource
from recommend.index.projection import Projection
from recommend.index.segment import Segment
from recommend.index.series_means import SeriesMeans
from recommend.index.snapshot.layout import IndexLayout, Manifest, SnapshotLayout
from recommend.index.snapshot.open import Snapshot
from recommend.index.table import ArticleTable

STATISTICS = re.compile(
    r"(lexical|tags|authors)/(vocabulary\.arrow|weights\.npy|stop_words\.txt|postings\.indptr\.npy)"
    r"|titles/(series\.json|means\.npy)|projection/.*|boilerplate\.npy|backlinks/linking\.npy"
)
"""Those files of a snapshot that are statistics."""


@dataclass(frozen=True, slots=True)
class RemoteSnapshot(Snapshot):
    """A snapshot whose articles lie on a server; pickled by where that is."""

    servers: Servers

    def __reduce__(self) -> tuple[object, ...]:
        return open_generation, (self.servers, self.layout, self.manifest.name)


def open_generation(servers: Servers, layout: IndexLayout, name: str) -> RemoteSnapshot:
    """Opens a generation; brings its statistics where the index folder lacks them, and verifies them.

    Args:
        servers: where it lies.
        layout: the index folder of this machine.
        name: of the generation.

    Raises:
        SnapshotError: when there is no such generation, or its statistics are damaged.
        StoreUnreachableError: when no server can be asked.
    """
    known = generation(servers, name)
    parts = layout.snapshot(name)
    if not parts.manifest.exists():
        _bring(servers, layout, known)
    for file, digest in known.manifest.sha256.items():
        if STATISTICS.fullmatch(file) and file_sha256(parts.root / file) != digest:
            raise SnapshotError(f"{parts.root / file} has another SHA-256 than generation {name} on {servers.name}")
    return _opened(servers, layout, parts, known)


def _bring(servers: Servers, layout: IndexLayout, known: Generation) -> None:
    name = known.manifest.name
    statement = sql.SQL("SELECT file, content FROM {}.statistics").format(schema_of(name))
    files = servers.any(lambda server: server.ask(statement))
    layout.snapshots.mkdir(parents=True, exist_ok=True)
    with folder_aside(layout.snapshots, ".bringing-") as aside:
        for file, content in files:
            if not STATISTICS.fullmatch(file):
                raise SnapshotError(f"generation {name} on {servers.name} holds a file {file!r}, which none should")
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            (aside / file).write_bytes(content)
        (aside / "manifest.json").write_bytes(known.manifest.content)
        sync_tree(aside)
        try:
            aside.rename(layout.snapshot(name).root)
        except OSError:
            if not layout.snapshot(name).manifest.exists():  # else another process was sooner
                raise


def _opened(servers: Servers, layout: IndexLayout, parts: SnapshotLayout, known: Generation) -> RemoteSnapshot:
    manifest = known.manifest
    lexicon, tags, authors = map(lexical.load_lexicon, (parts.lexical, parts.tags, parts.authors))
    terms = _none(parts.lexical, manifest.articles)
    assert terms.corpus is not None
    sources = [PgvectorSource(server, known, terms.corpus[0]) for server in servers]
    source = sources[0] if len(sources) == 1 else JoinedSource(servers, sources)
    tagged, written = (_none(folder, manifest.articles) for folder in (parts.tags, parts.authors))
    beside = _empty(manifest, terms, tagged, written, Backlinks.load_linking(parts.backlinks))
    return RemoteSnapshot(
        layout,
        manifest,
        Gathered.beginning(beside, source),
        lexicon,
        Projection.load(parts.projection),
        tags,
        authors,
        series := titles.load_series(parts.titles),
        SeriesMeans.load(parts.titles, series, manifest.dimension),
        Boilerplate.of(load_mmap(parts.boilerplate)),
        None,
        servers,
    )


def _empty(
    manifest: Manifest, terms: TermMatrix, tags: TermMatrix, authors: TermMatrix, linking: NDArray[np.uint64]
) -> Segment:
    """A segment of no articles of a generation's dimensions."""
    return Segment(
        ArticleTable.of([]),
        np.zeros((0, manifest.dimension), np.float16),
        terms,
        np.zeros(0, np.uint64),
        np.zeros((0, NEIGHBOUR_COUNT), np.int32),
        np.zeros(0, np.float32),
        (),
        None,
        manifest.time_curve,
        tags,
        authors,
        TermMatrix(terms.rows),
        Backlinks.none(0, linking),
    )


def _none(folder: Path, articles: int) -> TermMatrix:
    """Vectors of no articles, of a corpus whose postings ended where a file tells."""
    frequencies = np.diff(load_mmap(folder / "postings.indptr.npy"))
    return TermMatrix(sparse.csr_array((0, len(frequencies)), dtype=np.float32), corpus=(frequencies, articles))
