"""Where the parts of a snapshot lie, and the manifest that names and checksums them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer

from recommend.errors import SnapshotError, truncated_repr
from recommend.files import file_sha256
from recommend.fingerprint import words_read
from recommend.index.time_curve import TimeCurve
from recommend.settings import EncoderSettings

FORMAT = 7
EXPOSURE = "exposure.npy"
"""Added to a snapshot where ``policy.exposure`` asks for it, before it is published."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class _Versioned(BaseModel):
    """What the manifests of all formats have."""

    format: int


class Manifest(BaseModel):
    """What a snapshot holds.

    Attributes:
        format: version of the layout; another one is refused.
        revision: the store's revision of which the snapshot is a function; ``recipe`` names the other inputs.
        articles: how many it holds.
        encoder: fingerprint of the encoder that made its embeddings; ``encoder_name`` and ``max_tokens`` say which one
            to open.
        language: the only one the encoder is made for, None for many.
        adapter: name of the adapter they were mapped by, None without one.
        expansion: whether vectors are mixed with those of each article's nearest.
        expansion_time: how much nearness in time counted for who is nearest.
        units: deviations of dense and lexical cosines over random pairs.
        mean_similarity: mean lexical cosine of articles and their nearest by content.
        typical_terms: median of how many different terms of words articles have; 0 where that was not counted.
        time_curve: what nearness in time says here.
        feature_worth: what sections, tags, authors and backlinks say here, see :mod:`recommend.index.label_worth` and
            :mod:`recommend.index.backlinks`.
        links: how many among its articles count as evidence, see :mod:`recommend.index.backlinks`.
        beginnings: words that name nothing alone, see :mod:`recommend.index.name_beginnings`.
        agreement: see :mod:`recommend.index.agreement`; empty where all articles are in the encoder's language.
        dimension: of the embeddings.
        kind: of the FAISS index.
        made_by: releases of this package and of what counts terms; what was made by others is not kept for the next.
        created_at: ISO 8601, UTC.
        recall: sampled recall@10 of the dense candidates against exact search, when it was built.
        sha256: of every file, by its path inside the snapshot.
        set_aside: why articles of the store are not in it, by id; at most a thousand are named.
        base: on a server, the snapshot whose statistics and most of whose rows it shares; None for one that was built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    name: str
    revision: int
    recipe: str
    articles: int
    encoder: str
    encoder_name: str
    max_tokens: int
    language: str | None
    adapter: str | None
    expansion: bool
    expansion_time: float
    units: tuple[float, float]
    mean_similarity: float
    time_curve: TimeCurve
    dimension: int
    kind: str
    made_by: str
    created_at: str
    recall: float
    sha256: dict[str, str]
    set_aside: dict[str, str] = {}
    typical_terms: float = 0.0
    feature_worth: dict[str, float] = {}
    links: int = 0
    beginnings: frozenset[str] = frozenset()
    agreement: dict[str, tuple[float, int]] = {}
    base: str | None = None

    @field_serializer("beginnings")
    def _in_order(self, words: frozenset[str]) -> list[str]:
        return sorted(words)

    @property
    def content(self) -> bytes:
        """As it is written."""
        return orjson.dumps(self.model_dump(exclude_defaults=True), option=orjson.OPT_INDENT_2)

    def encoder_settings(self, own: EncoderSettings) -> EncoderSettings:
        """How to open the encoder of the snapshot: its name and how much it reads, all else as in ``own``."""
        return own.model_copy(
            update={"name": self.encoder_name, "max_tokens": self.max_tokens, "max_words": words_read(self.encoder)}
        )


@dataclass(frozen=True, slots=True)
class IndexLayout:
    """The index folder: snapshots side by side, ``CURRENT`` with the name of the live one, ``PUBLISHED`` with the names
    of those that were live once, a line each, ``STORE`` with the identity of their store, ``.verified`` with what tells
    that a snapshot was verified, ``lists`` with what was made ready of each, ``changes`` with what was prepared of the
    changes since each, and ``exposure.parquet`` with what was last counted of boxes."""

    root: Path

    @property
    def current(self) -> Path:
        return self.root / "CURRENT"

    @property
    def published(self) -> Path:
        return self.root / "PUBLISHED"

    @property
    def store(self) -> Path:
        return self.root / "STORE"

    @property
    def lock(self) -> Path:
        return self.root / ".lock"

    @property
    def last_run(self) -> Path:
        return self.root / "last_run.json"

    @property
    def exposure(self) -> Path:
        return self.root / "exposure.parquet"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def lists(self) -> Path:
        return self.root / "lists"

    @property
    def changes(self) -> Path:
        return self.root / "changes"

    @property
    def verified(self) -> Path:
        return self.root / ".verified"

    def unfinished(self) -> list[Path]:
        """What a killed :func:`recommend.files.replace_file` left."""
        whole = (self.current, self.published, self.store, self.last_run)
        return [path for file in whole for path in self.root.glob(f"{file.name}.*")]

    def snapshot(self, name: str) -> SnapshotLayout:
        """The snapshot of a name.

        Raises:
            SnapshotError: for what is no name, a path above all: what is opened lies in this folder.
        """
        if not is_name(name):
            raise SnapshotError(
                f"{truncated_repr(name)} is not a valid name of a snapshot: recommend snapshots lists those there are"
            )
        return SnapshotLayout(self.snapshots / name)


@dataclass(frozen=True, slots=True)
class SnapshotLayout:
    """One snapshot's folder."""

    root: Path

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def articles(self) -> Path:
        return self.root / "articles.arrow"

    @property
    def embeddings(self) -> Path:
        return self.root / "embeddings.npy"

    @property
    def hashes(self) -> Path:
        return self.root / "content_hashes.npy"

    @property
    def groups(self) -> Path:
        return self.root / "groups.npy"

    @property
    def sentences(self) -> Path:
        return self.root / "sentences"

    @property
    def boilerplate(self) -> Path:
        return self.root / "boilerplate.npy"

    @property
    def neighbours(self) -> Path:
        return self.root / "neighbours.npy"

    @property
    def lengths(self) -> Path:
        return self.root / "lengths.npy"

    @property
    def vectors(self) -> Path:
        return self.root / "vectors.faiss"

    @property
    def lexical(self) -> Path:
        return self.root / "lexical"

    @property
    def tags(self) -> Path:
        return self.root / "tags"

    @property
    def authors(self) -> Path:
        return self.root / "authors"

    @property
    def titles(self) -> Path:
        return self.root / "titles"

    @property
    def backlinks(self) -> Path:
        return self.root / "backlinks"

    @property
    def exposure(self) -> Path:
        return self.root / EXPOSURE

    @property
    def projection(self) -> Path:
        return self.root / "projection"

    def checksums(self) -> dict[str, str]:
        """The SHA-256 of every file but the manifest, by its path inside the snapshot."""
        files = sorted(p for p in self.root.rglob("*") if p.is_file() and p != self.manifest)
        return {file.relative_to(self.root).as_posix(): file_sha256(file) for file in files}

    def read_manifest(self) -> Manifest:
        """The manifest.

        Raises:
            SnapshotError: when it is missing, malformed or of another format, or the folder is a symbolic link.
        """
        if self.root.is_symlink():
            raise SnapshotError(f"{self.root} is a symbolic link, which is refused: put the folder itself there")
        try:
            content = self.manifest.read_bytes()
            version = _Versioned.model_validate_json(content).format
            manifest = Manifest.model_validate_json(content) if version == FORMAT else None
        except FileNotFoundError:
            raise SnapshotError(f"{self.root} is not a snapshot: it has no manifest.json") from None
        except ValidationError as problem:
            raise SnapshotError(f"{self.manifest} is malformed: {problem.errors()[0]['msg']}") from None
        except (OSError, ValueError) as problem:  # a name that no file can have, a folder, no permission
            raise SnapshotError(f"{str(self.manifest)!r} cannot be read: {problem}") from None
        if manifest is None:
            whose = "an earlier" if version < FORMAT else "a later"
            raise SnapshotError(
                f"snapshot {self.root.name} is of {whose} release: it has format {version} != {FORMAT}; "
                "run recommend reindex"
            )
        return manifest


def is_name(text: str) -> bool:
    """Whether it can name a snapshot: letters, digits, dots, hyphens and underscores, beginning with one of the first
    two."""
    return _NAME.fullmatch(text) is not None
