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
    items: str = Field(
        "", description="path to the list of articles within a JSON document, for example data.articles[*]"
    )
    date_order: Literal["", "dmy", "mdy", "ymd"] = Field(
        "",
        description="order of day, month and year in dates such as 3/4/2025; empty: those that are ambiguous are "
        "refused",
    )
    encoding: str = Field(
        "", description="character encoding of files, for example windows-1252; empty: as the format says"
    )


class EncoderSettings(Group):
    """Which encoder turns articles into embeddings, and how hard it may work."""

    name: str = Field(
        "auto",
        description="a folder of models/, a local path, or a sentence-transformers name; auto: what the live snapshot "
        "has, at first by the languages of the articles",
    )
    max_tokens: int = Field(128, ge=8, le=8192, description="tokens of title and text that the encoder reads at once")
    max_words: int = Field(
        900,
        ge=0,
        le=100_000,
        description="words of a long text that are read, in pieces of max_tokens; 0: only the first max_tokens",
    )
    batch: int = Field(32, ge=1, le=4096, description="texts per inference call; for sentence-transformers models")
    threads: int = Field(0, ge=0, le=256, description="threads that embed; 0: one for each core")
    adapter: str = Field(
        "auto", description="name of an adapter; auto: the one that comes with the encoder; none: no adapter"
    )
    device: str = Field("cpu", description="cpu, cuda, cuda:1, …; for sentence-transformers models")


class IndexSettings(Group):
    """How a snapshot is built and verified."""

    kind: str = Field(
        "auto",
        description="kind of FAISS index (a name in recommend.index.dense.KINDS); auto: chosen by the number of "
        "articles",
    )
    keep: int = Field(3, ge=1, le=1000, description="snapshots kept for rollback, the live one included")
    due: int = Field(
        10_000,
        ge=1,
        description="number of articles changed since the snapshot at which status and logs ask for a re-index",
    )
    expansion: bool = Field(
        True, description="mix each article's vectors with those of its nearest neighbours, where they are alike"
    )
    expansion_time: float = Field(
        4.0, ge=0.0, description="how much nearness in time counts when an article's neighbours are chosen"
    )
    lists: bool = Field(
        True, description="prepare a ready list of each article's best candidates once a snapshot is published"
    )
    verify_sample: int = Field(200, ge=1, le=100_000, description="number of queries in the recall check")
    verify_recall: float = Field(
        0.99, ge=0.0, le=1.0, description="lowest accepted recall@10 of the sample against exact search"
    )
    verify_empty: float = Field(0.05, ge=0.0, le=1.0, description="largest accepted rise of the share of empty boxes")
    verify_shrink: float = Field(
        0.5, ge=0.0, le=1.0, description="largest share of the live articles that may be missing from a new snapshot"
    )

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
        description="HOST:PORT of the cluster; auto: RAY_ADDRESS, else the cluster of this machine; local: a new "
        "one on this machine",
    )
    actors: int = Field(
        0, ge=0, le=100_000, description="number of actors, each with its own encoder; 0: as many as there is room for"
    )
    cpus: float = Field(1.0, ge=0.0, le=256.0, description="cores for each actor, and threads of its encoder")
    gpus: float = Field(0.0, ge=0.0, le=16.0, description="GPUs for each actor, with encoder.device = cuda")
    batch: int = Field(
        1024, ge=1, le=65_536, description="articles that an actor embeds, and the store takes, at a time"
    )
    round: int = Field(
        32, ge=1, le=1024, description="batches that an actor gets before the size of the cluster is looked at again"
    )

    @model_validator(mode="after")
    def _takes_something(self) -> Self:
        if not self.cpus and not self.gpus:
            raise ValueError("cpus and gpus are both 0")
        return self


class PgvectorSettings(Group):
    """An index on PostgreSQL with pgvector, in place of a folder of snapshots."""

    url: str = Field(
        "",
        description="postgresql://USER@HOST/DATABASE of the index (the setting index may name it, too); empty: "
        "the index is a folder of snapshots",
    )
    shards: list[str] = Field(
        default_factory=list,
        description="URLs of further servers beside url; each server holds a share of the articles, by a hash of their "
        "ids",
    )
    partial: Literal["answer", "refuse"] = Field(
        "answer",
        description="what the service does while one of several servers does not answer: answer from the others and "
        "say so, or refuse with 503",
    )
    timeout: float = Field(5.0, gt=0.0, le=600.0, description="most seconds that a search may take")
    pool: int = Field(4, ge=1, le=1000, description="connections that each process keeps open to each server")
    memory: str = Field(
        "1GB",
        pattern=r"^\d+(kB|MB|GB)$",
        description="maintenance_work_mem of PostgreSQL while it builds the graph of embeddings",
    )
    verify_recall: float = Field(
        0.98, ge=0.0, le=1.0, description="lowest accepted recall@10 of a sample searched in the graph of embeddings"
    )
    canaries: int = Field(
        20,
        ge=0,
        le=10_000,
        description="number of boxes that are compared with those of the snapshot before a generation is made live",
    )
    verify_boxes: float = Field(
        0.95, ge=0.0, le=1.0, description="smallest share of their items on which both must agree"
    )
    changes: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="share of changed articles up to which a re-index brings only these; 0: everything is built "
        "anew each time",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.shards and (not self.url or len({self.url, *self.shards}) <= len(self.shards)):
            raise ValueError("shards are further servers beside url, each named once")
        return self
