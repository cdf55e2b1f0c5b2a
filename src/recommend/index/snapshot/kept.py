"""Prepared changes since a snapshot, saved beside it so that the next process need not prepare them again."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from recommend.arrays import to_float32
from recommend.articles.article import Article
from recommend.files import replace_file
from recommend.index.lexicon import TermVector
from recommend.index.query import Prepared
from recommend.index.snapshot.incremental import made_by
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.table import SCHEMA
from recommend.store.rows import Change

MANY = 256
"""Articles from which on a file is worth its while."""

_VECTORS = ("terms", "context", "tags", "authors", "title", "backlinks")
_PARTS: dict[str, np.dtype[Any]] = {"columns": np.dtype("<i8"), "weights": np.dtype("<f4")}
_EMBEDDING = np.dtype("<f2")  # as a segment holds it
_SCHEMA = pa.schema(
    [
        *SCHEMA,
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("embedding", pa.binary(), nullable=False),
        pa.field("group", pa.uint64(), nullable=False),
        pa.field("links_as", pa.uint64()),
        *(pa.field(f"{name}.{part}", pa.large_binary(), nullable=False) for name in _VECTORS for part in _PARTS),
    ]
)
_FILE = re.compile(r"[0-9a-f]{32}\.arrow")

logger = logging.getLogger(__name__)

Kept = Mapping[bytes, Mapping[str, Any]]


class KeptChanges:
    """What was prepared of changed articles, in files that appear whole or not at all.

    An article is found by a key of all that decides what is prepared of it: the snapshot, the releases that count
    terms, its content and its embedding. What is not found is prepared anew.
    """

    def __init__(self, layout: IndexLayout, manifest: Manifest) -> None:
        """
        Args:
            layout: the index folder.
            manifest: of the snapshot.
        """
        self._snapshots = layout.snapshots
        self._folder = layout.changes / manifest.name
        self._decides = blake2b(f"{made_by()}\0{manifest.model_dump_json()}".encode(), digest_size=16).digest()
        self._keys: dict[Path, frozenset[bytes]] = {}
        self._lock = Lock()

    def key(self, change: Change) -> bytes:
        """16 bytes by which a change is found; none for one that is not to be kept: a restore changed its row."""
        if not change.content_hash:
            return b""
        embedding = b"" if change.embedding is None else change.embedding.tobytes()
        return blake2b(self._decides + change.content_hash + embedding, digest_size=16).digest()

    def read(self) -> Kept:
        """All that is kept, by key."""
        kept: dict[bytes, Mapping[str, Any]] = {}
        for path in self._files():
            table = _read(path)
            if table is not None:
                rows = {row["key"]: row for row in table.to_pylist()}
                self._keys[path] = frozenset(rows)
                kept |= rows
        return kept

    def keep(self, prepared: Sequence[Prepared]) -> None:
        """Keeps those of all changed articles that no process has kept, once they are many. Where the index may not be
        written to, nothing is kept."""
        with self._lock:
            wanted = {one.key: one for one in prepared if one.key}
            before = self._files()
            for path in before:
                if path not in self._keys and (table := _read(path)) is not None:
                    self._keys[path] = frozenset(table.column("key").to_pylist())
            known = frozenset[bytes]().union(*(self._keys.get(path, ()) for path in before))
            missing = [one for key, one in wanted.items() if key not in known]
            if len(missing) < MANY:
                return
            outdated = before if len(known) > 2 * len(wanted) else []
            try:
                mode = self._snapshots.stat().st_mode & 0o777  # whoever may read those may read these
                self._folder.parent.mkdir(mode, exist_ok=True)
                self._folder.mkdir(mode, exist_ok=True)
                self._write([*wanted.values()] if outdated else missing)
                for path in outdated:
                    path.unlink(missing_ok=True)
            except OSError as problem:
                logger.info("prepared changes were not saved: %s", problem)

    def _write(self, prepared: Sequence[Prepared]) -> None:
        table, sink = pa.Table.from_pylist([_row_of(one) for one in prepared], schema=_SCHEMA), pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        content = sink.getvalue().to_pybytes()
        path = self._folder / f"{_digest(content)}.arrow"
        replace_file(path, content)
        self._keys[path] = frozenset(one.key for one in prepared)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if _FILE.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as problem:
            logger.warning("saved changes in %s are unusable and are prepared again: %s", self._folder, problem)
            return []


def prepared_of(row: Mapping[str, Any], article: Article) -> Prepared:
    """What was prepared of an article, from its row among :meth:`KeptChanges.read`."""
    vectors: dict[str, Any] = {
        name: TermVector(*(np.frombuffer(row[f"{name}.{part}"], kind) for part, kind in _PARTS.items()))
        for name in _VECTORS
    }
    embedding = to_float32(np.frombuffer(row["embedding"], _EMBEDDING))
    card = {name: row[name] for name in SCHEMA.names}
    prepared: dict[str, Any] = {"group": row["group"], "key": row["key"], "links_as": row["links_as"], **vectors}
    return Prepared(article, card, embedding, **prepared)


def prune_kept(layout: IndexLayout) -> None:
    """Removes what was kept beside snapshots that are gone."""
    for folder in layout.changes.iterdir() if layout.changes.is_dir() else ():
        if not (layout.snapshots / folder.name).is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _row_of(one: Prepared) -> dict[str, object]:
    row: dict[str, object] = {
        **one.row,
        "key": one.key,
        "embedding": one.embedding.astype(_EMBEDDING).tobytes(),
        "group": one.group,
        "links_as": one.links_as,
    }
    for name in _VECTORS:
        vector: TermVector = getattr(one, name)
        row[f"{name}.columns"] = vector.terms.astype(_PARTS["columns"]).tobytes()
        row[f"{name}.weights"] = vector.weights.astype(_PARTS["weights"]).tobytes()
    return row


def _read(path: Path) -> pa.Table | None:
    """The table of a file, None when it is not as it was written."""
    try:
        content = path.read_bytes()
        if path.stem != _digest(content):
            raise ValueError("its content is not what it was")
        table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
        if table.schema != _SCHEMA:
            raise ValueError("it has other columns")
    except (OSError, ValueError) as problem:
        logger.warning("saved changes in %s are unusable and are prepared again: %s", path, problem)
        return None
    return table


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
