"""Settings of how articles are taken in, embedded and indexed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from recommend.settings.group import Group

logger = logging.getLogger(__name__)

_RENAMED = {"company": "expansion", "company_time": "expansion_time"}
"""Settings of the last release by the names they have now."""


class SourceSettings(Group):
    """How articles are fetched from elsewhere."""

    allow_private: bool = Field(False, description="whether URLs may lead to addresses of private networks")
    pause: float = Field(1.0, ge=0.0, le=3600.0, description="seconds between two pages of a sitemap")
    map: dict[str, str] = Field(
        default_factory=dict, description='column = "field", as headline = "title"; or field = "constant"'
    )
    items: str = Field("", description="path to the list of articles in a JSON document, as data.articles[*]")
    date_order: Literal["", "dmy", "mdy", "ymd"] = Field("", description="of day, month and year in 3/4/2025")
    encoding: str = Field("", description="of the characters of files, as windows-1252; told by the format if empty")


class EncoderSettings(Group):
    """Which encoder turns articles into embeddings, and how hard it may work."""

    name: str = Field(
        "auto",
        description="a folder of models/, a local path, or a sentence-transformers name; auto: what the live snapshot "
        "has, at first by the languages of the articles",
    )
    max_tokens: int = Field(128, ge=8, le=8192, description="of title and text, that are read at once")
    max_words: int = Field(
        900, ge=0, le=100_000, description="of a long text, read in pieces of max_tokens; 0: only its first max_tokens"
    )
    batch: int = Field(32, ge=1, le=4096, description="texts an inference call of sentence-transformers models")
    threads: int = Field(0, ge=0, le=256, description="0: as many as there are cores")
    adapter: str = Field("auto", description="auto: the one that comes with the encoder; none; or a name")
    device: str = Field("cpu", description="cpu, cuda, cuda:1…; for sentence-transformers models")


class IndexSettings(Group):
    """How a snapshot is built and verified."""

    kind: str = Field("auto", description="auto, or the name of a FAISS kind (recommend.index.dense.KINDS)")
    keep: int = Field(3, ge=1, le=1000, description="snapshots kept for rollback, the live one included")
    due: int = Field(
        10_000, ge=1, description="articles changed since the snapshot from which on status and logs ask for a re-index"
    )
    expansion: bool = Field(True, description="mix vectors with those of each article's nearest, where those are alike")
    expansion_time: float = Field(
        4.0, ge=0.0, description="how much nearness in time counts for who an article's neighbours are"
    )
    lists: bool = Field(True, description="make each article's best candidates ready once a snapshot is published")
    verify_sample: int = Field(200, ge=1, le=100_000, description="queries of the recall check")
    verify_recall: float = Field(0.99, ge=0.0, le=1.0, description="least sampled recall@10 against exact search")
    verify_empty: float = Field(0.05, ge=0.0, le=1.0, description="most by which the share of empty boxes may rise")
    verify_shrink: float = Field(0.5, ge=0.0, le=1.0, description="most that may go missing of the live articles")

    @model_validator(mode="before")
    @classmethod
    def _former_names(cls, given: Any) -> Any:
        """Reads settings by the names of the last release, and says what they are called now."""
        if not isinstance(given, Mapping):
            return given
        for old in _RENAMED.keys() & given.keys():
            logger.warning(
                "setting indexing.%s is called indexing.%s now; the old name is read in this release only",
                old,
                _RENAMED[old],
            )
        return {_RENAMED.get(name, name): value for name, value in given.items()}


class RaySettings(Group):
    """The cluster that ``reindex --engine ray`` spreads encoding over."""

    address: str = Field(
        "auto",
        description="HOST:PORT; auto: RAY_ADDRESS, else this machine's cluster; local: a new one here",
    )
    actors: int = Field(0, ge=0, le=100_000, description="each holds an encoder; 0: as many as there is room for")
    cpus: float = Field(1.0, ge=0.0, le=256.0, description="cores of an actor, and its encoder's threads")
    gpus: float = Field(0.0, ge=0.0, le=16.0, description="GPUs of an actor, with encoder.device = cuda")
    batch: int = Field(1024, ge=1, le=65_536, description="articles an actor embeds, and the store takes, at a time")
    round: int = Field(32, ge=1, le=1024, description="batches an actor gets until the cluster is looked at again")

    @model_validator(mode="after")
    def _takes_something(self) -> Self:
        if not self.cpus and not self.gpus:
            raise ValueError("cpus and gpus are both 0")
        return self


class PgvectorSettings(Group):
    """An index on PostgreSQL with pgvector, in place of a folder of snapshots."""

    url: str = Field("", description="postgresql://USER@HOST/DATABASE, as index may name it; empty: none")
    timeout: float = Field(5.0, gt=0.0, le=600.0, description="seconds that a search may take")
    pool: int = Field(4, ge=1, le=1000, description="connections that a process keeps")
    memory: str = Field(
        "1GB", pattern=r"^\d+(kB|MB|GB)$", description="maintenance_work_mem while the graph of embeddings is made"
    )
    verify_recall: float = Field(0.98, ge=0.0, le=1.0, description="least sampled recall@10 of the graph of embeddings")
    canaries: int = Field(
        20, ge=0, le=10_000, description="boxes that are compared with the snapshot's before a switch"
    )
    verify_boxes: float = Field(0.95, ge=0.0, le=1.0, description="least share of these boxes that both give")
    changes: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="up to which share of changed articles a re-index brings only these; 0: it builds anew each time",
    )
