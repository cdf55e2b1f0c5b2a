"""Every setting, with its default and range; :mod:`recommend.configuration` reads them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

logger = logging.getLogger(__name__)


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Group):
    """How articles are fetched from elsewhere."""

    allow_private: bool = Field(False, description="whether URLs may lead to addresses of private networks")
    pause: float = Field(1.0, ge=0.0, le=3600.0, description="seconds between two pages of a sitemap")
    map: dict[str, str] = Field(
        default_factory=dict, description='column = "field", as headline = "title"; or field = "constant"'
    )
    items: str = Field("", description="path to the list of articles in a JSON document, as data.articles[*]")
    date_order: Literal["", "dmy", "mdy", "ymd"] = Field("", description="of day, month and year in 3/4/2025")
    encoding: str = Field("", description="of the characters of files, as windows-1252; told by the format if empty")


class EncoderSettings(_Group):
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


_RENAMED = {"company": "expansion", "company_time": "expansion_time"}
"""Settings of the last release by the names they have now."""


class IndexSettings(_Group):
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


class RaySettings(_Group):
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


class RankingSettings(_Group):
    """How candidates are found and scored."""

    candidates: int = Field(200, ge=10, le=10_000, description="from dense search and again from lexical search")
    near_in_time: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="articles nearest in time that are compared besides; half of candidates stay",
    )
    lexical_terms: int = Field(32, ge=1, le=1000, description="strongest terms of the query that fetch candidates")
    as_of: Literal["any", "query"] = Field("any", description="query: only articles published before the query article")
    without: list[str] = Field(default_factory=list, description="features that do not count")
    weights: dict[str, Annotated[float, Field(ge=0.0, le=100.0)]] = Field(
        default_factory=dict, description="by feature, what its weight is multiplied by; it follows no corpus then"
    )
    corpus_weights: bool = Field(
        True, description="sections, tags and authors count by what they are worth in this corpus"
    )
    model: str = Field("news-linear", description="ranker: a JSON file of models/, its name without .json")

    @field_validator("without", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """``ranking.without=section,time`` is short for a list."""
        return [name for name in value.split(",") if name] if isinstance(value, str) else value


class PolicySettings(_Group):
    """What is filtered out of the box, whatever its score."""

    on: bool = Field(True, description="whether anything is")
    hide_duplicates: bool = Field(True, description="no copy of the story, and of several copies one")
    duplicate_lexical: float = Field(
        0.9, ge=0.0, le=1.0, description="the words of a duplicate have at least this lexical cosine, numbers aside"
    )
    update_lexical: float = Field(
        0.74, ge=0.0, le=1.0, description="and this where its numbers are others: of updates the newest is shown"
    )
    duplicate_dense: float = Field(0.8, ge=0.0, le=1.0, description="and at least this dense cosine")
    hidden_genres: list[str] = Field(
        default_factory=lambda: ["opinion", "letters", "live", "sponsored", "correction"],
        description="no background for news; each is still shown under a story of its own genre",
    )
    same_language: bool = Field(True, description="only articles in the language of the story")
    diversity: float = Field(0.0, ge=0.0, le=1.0, description="0: by score alone; 1: by variety alone (MMR)")
    floor: float = Field(0.25, ge=0.0, le=1.0, description="least calibrated score of what is called related")
    fill: Literal["related", "section", "latest", "none"] = Field(
        "related",
        description="what fills a box after its related stories, told apart from them: the next best; the newest of "
        "the section, then of all; the newest; nothing",
    )
    readable: int = Field(0, ge=0, le=50, description="stories of a box, at least, that the reader may open")
    freshness: Literal["any", "near", "fresh"] = Field(
        "any",
        description="what comes first among the best: any: the highest score; near: what is of the story's own time; "
        "fresh: what is new; a request may say otherwise (prefer)",
    )
    freshness_half_life: float = Field(
        360.0, gt=0.0, allow_inf_nan=False, description="days of age that halve what a score counts for then"
    )
    freshness_offset: float = Field(30.0, ge=0.0, allow_inf_nan=False, description="first days, which cost nothing")
    freshness_sections: dict[str, Annotated[float, Field(gt=0.0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="half-lives of single sections, in days"
    )
    max_age: dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='days by section, "*" for all others: what was that old when the story appeared is not shown',
    )


class EventSettings(_Group):
    """What is kept of what readers see and click."""

    keep_days: int = Field(
        0, ge=0, le=36_500, description="days after which events are deleted by the service or recommend events prune; "
        "0: never"
    )  # fmt: skip
    units: bool = Field(
        False, description="keep a keyed hash of the UNIT of auto:UNIT, so that intervals can be over readers"
    )


class VariantSettings(_Group):
    """One arm of a test: settings that differ from the service's own."""

    weight: float = Field(1.0, ge=0.0, allow_inf_nan=False, description="its share of readers is this of all weights")
    ranking: dict[str, Any] = Field(default_factory=dict, description="as in [ranking]")
    policy: dict[str, Any] = Field(default_factory=dict, description="as in [policy]")
    interleave: list[str] = Field(
        default_factory=list, max_length=2, description="two other variants, whose boxes are interleaved by team draft"
    )

    @field_validator("ranking", "policy")
    @classmethod
    def _known(cls, value: dict[str, Any], field: ValidationInfo) -> dict[str, Any]:
        group: type[_Group] = RankingSettings if field.field_name == "ranking" else PolicySettings
        try:
            return group.model_validate(value).model_dump(exclude_unset=True)
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


VariantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ServiceSettings(_Group):
    """The HTTP service."""

    site: bool = Field(False, description="serve the demonstration site at /")
    site_name: str = Field("Related Articles", description="what that site is called")
    site_publishing: bool = Field(
        False,
        description="let whoever reaches that site publish stories on it, and take those down: for demonstrations",
    )
    api_keys: list[Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]] = Field(
        default_factory=list, description="SHA-256 (hex) of keys with every scope, beside those of the store"
    )
    read_needs_key: bool = Field(False, description="related stories and articles only with a key of scope read")
    public_fields: list[Literal["text", "extra", "expires_at"]] = Field(
        default_factory=list, description="shown of articles of public access to everybody, beside the card"
    )
    operations: str = Field(
        "auto",
        pattern=r"^(auto|open|key|(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):[1-9]\d{0,4})$",
        description="who sees /metrics and /v1/status: open; key: of scope read; IP:PORT: who reaches that address, "
        "which recommend serve listens on as well; auto: open where it listens on loopback alone, else key",
    )
    desk: bool = Field(True, description="serve the editors' desk at /desk, which opens with a key of scope curate")
    desk_session: int = Field(
        14_400, ge=60, le=86_400, description="seconds after which an editor signs in to the desk again"
    )
    rate_limit: str = Field(
        "", pattern=r"^([1-9]\d*/(second|minute|hour|day))?$", description="as 600/minute, for each key or address"
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list, description="addresses or networks whose X-Forwarded-For tells who asks"
    )
    lenient: bool = Field(False, description="pass over parameters that are unknown; else they are a 422")
    max_concurrency: int = Field(256, ge=1, description="requests at work in one process; more are refused")
    max_uploads: int = Field(0, ge=0, description="those of them with a body, 0: half")
    max_connections: int = Field(4096, ge=1, description="in one process; the one idle longest makes room for another")
    header_timeout: float = Field(10.0, gt=0.0, le=3600.0, description="seconds for the head of a request")
    timeout: float = Field(10.0, gt=0.0, le=3600.0, description="seconds until an answer must begin")
    cors_origins: list[str] = Field(
        default_factory=list, description="whose pages may ask, as https://news.example; *: everybody's"
    )
    max_age: int = Field(60, ge=0, description="seconds browsers and CDNs may cache the box of a new story")
    max_age_old: int = Field(600, ge=0, description="the same of an old one: a hundredth of its age, up to this")
    cache_size: int = Field(10_000, ge=0, description="ready answers each worker keeps at most, 0: none")
    cache_bytes: int = Field(64_000_000, ge=0, description="bytes of memory that they take at most")
    access_log: bool = Field(False, description="a line of JSON for every request")
    bulk_limit: int = Field(2**30, ge=1, description="bytes of one bulk request")
    variants: dict[VariantName, VariantSettings] = Field(
        default_factory=dict, description="arms of a test by name; one without overrides is the control"
    )
    swaps: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="share of days of an article on which two neighbours of its box are "
        "exchanged, so that clicks can tell what a position is worth",
    )
    reindex: bool = Field(False, description="start the re-index that indexing.due asks for")
    staleness: float = Field(0.25, ge=0.0, description="PostgreSQL: seconds between looks for new changes")
    encoder_threads: int = Field(
        0, ge=0, le=256, description="threads of a process that embed changes and drafts, 0: half the cores"
    )
    put_batch: int = Field(
        16, ge=1, le=256, description="articles, at most, that come while one is embedded and are then stored together"
    )

    @field_validator("variants")
    @classmethod
    def _plain_teams(cls, value: dict[str, VariantSettings]) -> dict[str, VariantSettings]:
        plain = sorted(name for name, arm in value.items() if not arm.interleave)
        for name, arm in value.items():
            if arm.interleave and (len(arm.interleave) != 2 or {*arm.interleave} - {*plain}):
                raise ValueError(f"{name}.interleave: give two of {', '.join(plain) or 'the other variants'}")
        return value

    @property
    def uploads(self) -> int:
        """Requests with a body that may be at work in one process."""
        return min(self.max_uploads or max(1, self.max_concurrency // 2), self.max_concurrency)


class PgvectorSettings(_Group):
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


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="RECOMMEND_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=False
    )

    store: str = Field("sqlite:///recommend.db", description="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    index: Path = Field(
        Path("index"), description="folder of the snapshots; or postgresql://USER@HOST/DATABASE, see pgvector.url"
    )
    models: Path = Field(Path("models"), description="folder of your own encoders and rankers")
    sources: SourceSettings = SourceSettings()
    encoder: EncoderSettings = EncoderSettings()
    ray: RaySettings = RaySettings()
    indexing: IndexSettings = IndexSettings()
    pgvector: PgvectorSettings = PgvectorSettings()
    ranking: RankingSettings = RankingSettings()
    policy: PolicySettings = PolicySettings()
    service: ServiceSettings = ServiceSettings()
    events: EventSettings = EventSettings()

    def variant(self, name: str) -> tuple[RankingSettings, PolicySettings]:
        """The ranking and the policy of a variant that ``service.variants`` names."""
        arm = self.service.variants[name]
        return self.ranking.model_copy(update=arm.ranking), self.policy.model_copy(update=arm.policy)

    def environment(self) -> dict[str, str]:
        """The variables from which another process reads the same settings."""
        nested = self.model_dump(mode="json")
        return {
            f"RECOMMEND_{name.upper()}": v if isinstance(v, str) else orjson.dumps(v).decode()
            for name, v in nested.items()
        }

    @model_validator(mode="before")
    @classmethod
    def _index_on_a_server(cls, values: Any) -> Any:
        """``index=postgresql://…`` is short for ``pgvector.url=…``."""
        index = values.get("index") if isinstance(values, dict) else None
        if isinstance(index, str) and index.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
            url = re.sub("^[^:]*", "postgresql", index)
            rest = {name: value for name, value in values.items() if name != "index"}
            return rest | {"pgvector": {**dict(values.get("pgvector") or {}), "url": url}}
        return values

    @field_validator("policy", mode="before")
    @classmethod
    def _policy_switch(cls, value: Any) -> Any:
        """``policy=on`` and ``policy=off`` are short for ``policy.on=…``."""
        return {"on": value} if isinstance(value, str | bool) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
