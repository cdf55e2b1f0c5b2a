"""Settings of the HTTP service, its tests and what readers do."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, IPvAnyNetwork, StringConstraints, ValidationError, ValidationInfo, field_validator

from recommend.settings.group import Group
from recommend.settings.ranking import PolicySettings, RankingSettings

VariantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class EventSettings(Group):
    """What is kept of what readers see and click."""

    keep_days: int = Field(
        0, ge=0, le=36_500, description="days after which events are deleted by the service or recommend events prune; "
        "0: never"
    )  # fmt: skip
    units: bool = Field(
        False, description="keep a keyed hash of the UNIT of auto:UNIT, so that intervals can be over readers"
    )


class VariantSettings(Group):
    """One arm of a test: settings that differ from the service's own."""

    weight: float = Field(
        1.0, ge=0.0, allow_inf_nan=False, description="share of readers, relative to the weights of all variants"
    )
    ranking: dict[str, Any] = Field(default_factory=dict, description="settings of [ranking] that differ")
    policy: dict[str, Any] = Field(default_factory=dict, description="settings of [policy] that differ")
    interleave: list[str] = Field(
        default_factory=list, max_length=2, description="two other variants, whose boxes are interleaved by team draft"
    )

    @field_validator("ranking", "policy")
    @classmethod
    def _known(cls, value: dict[str, Any], field: ValidationInfo) -> dict[str, Any]:
        group: type[Group] = RankingSettings if field.field_name == "ranking" else PolicySettings
        try:
            return group.model_validate(value).model_dump(exclude_unset=True)
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


class ServiceSettings(Group):
    """The HTTP service."""

    site: bool = Field(False, description="serve the demonstration site at /")
    site_name: str = Field("Related Articles", description="name of the demonstration site")
    site_publishing: bool = Field(
        False,
        description="let everybody who reaches the demonstration site publish stories there, and take those down",
    )
    api_keys: list[Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]] = Field(
        default_factory=list, description="SHA-256 (hex) of keys that may do everything, besides the keys in the store"
    )
    read_needs_key: bool = Field(
        False, description="give related stories and articles only to requests with a key of scope read"
    )
    public_fields: list[Literal["text", "extra", "expires_at"]] = Field(
        default_factory=list, description="fields of articles with public access that everybody sees, besides the card"
    )
    operations: str = Field(
        "auto",
        pattern=r"^(auto|open|key|(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):[1-9]\d{0,4})$",
        description="who sees /metrics and /v1/status: open; key: of scope read; IP:PORT: who reaches that address, "
        "which recommend serve listens on as well; auto: open where it listens on loopback alone, else key",
    )
    desk: bool = Field(True, description="serve the editors' desk at /desk, which opens with a key of scope curate")
    desk_session: int = Field(
        14_400, ge=60, le=86_400, description="seconds after which an editor has to sign in to the desk again"
    )
    rate_limit: str = Field(
        "",
        pattern=r"^([1-9]\d*/(second|minute|hour|day))?$",
        description="most requests for each key or address, for example 600/minute; empty: no limit",
    )
    trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list, description="addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    lenient: bool = Field(
        False, description="ignore parameters that are unknown or given twice, instead of answering 422"
    )
    max_concurrency: int = Field(
        256, ge=1, description="most requests that one process works on at a time; more are refused (503)"
    )
    max_uploads: int = Field(0, ge=0, description="most requests with a body among them; 0: half")
    max_connections: int = Field(
        4096, ge=1, description="most connections to one process; the one that is idle longest makes room for a new one"
    )
    idle_timeout: int = Field(
        75,
        ge=1,
        le=3600,
        description="seconds that a connection stays open between requests; set it longer than your proxy's own",
    )
    header_timeout: float = Field(
        10.0, gt=0.0, le=3600.0, description="most seconds until the head of a request has arrived"
    )
    timeout: float = Field(10.0, gt=0.0, le=3600.0, description="most seconds until an answer begins")
    cors_origins: list[str] = Field(
        default_factory=list, description="origins whose pages may ask, for example https://news.example; *: all"
    )
    max_age: int = Field(60, ge=0, description="seconds for which browsers and CDNs may cache the box of a new story")
    max_age_old: int = Field(
        600,
        ge=0,
        description="most seconds for which they may cache the box of an old story: a hundredth of its age, up to this",
    )
    cache_size: int = Field(10_000, ge=0, description="most answers that each worker keeps; 0: none")
    cache_bytes: int = Field(96_000_000, ge=0, description="most bytes of memory that kept answers take")
    access_log: bool = Field(False, description="log a line of JSON for every request")
    bulk_limit: int = Field(2**30, ge=1, description="most bytes of one bulk request")
    variants: dict[VariantName, VariantSettings] = Field(
        default_factory=dict,
        description="variants of an A/B test by name; one without settings of its own is the control",
    )
    swaps: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="share of days of an article on which two neighbours of its box are "
        "exchanged, so that clicks can tell what a position is worth",
    )
    reindex: bool = Field(False, description="re-index by itself once indexing.due articles have changed")
    staleness: float = Field(0.25, ge=0.0, description="seconds between two looks for changes in a store on PostgreSQL")
    encoder_threads: int = Field(
        0, ge=0, le=256, description="threads of each process that embed changes and drafts; 0: half the cores"
    )
    put_batch: int = Field(
        16,
        ge=1,
        le=256,
        description="most articles that are stored together, of those that arrive while one is embedded",
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
