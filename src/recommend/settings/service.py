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

    weight: float = Field(1.0, ge=0.0, allow_inf_nan=False, description="its share of readers is this of all weights")
    ranking: dict[str, Any] = Field(default_factory=dict, description="as in [ranking]")
    policy: dict[str, Any] = Field(default_factory=dict, description="as in [policy]")
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
    lenient: bool = Field(False, description="pass over parameters unknown or given twice; else they are a 422")
    max_concurrency: int = Field(256, ge=1, description="requests at work in one process; more are refused")
    max_uploads: int = Field(0, ge=0, description="those of them with a body, 0: half")
    max_connections: int = Field(4096, ge=1, description="in one process; the one idle longest makes room for another")
    idle_timeout: int = Field(
        75, ge=1, le=3600, description="seconds a connection stays open between requests; longer than a proxy's own"
    )
    header_timeout: float = Field(10.0, gt=0.0, le=3600.0, description="seconds for the head of a request")
    timeout: float = Field(10.0, gt=0.0, le=3600.0, description="seconds until an answer must begin")
    cors_origins: list[str] = Field(
        default_factory=list, description="whose pages may ask, as https://news.example; *: everybody's"
    )
    max_age: int = Field(60, ge=0, description="seconds browsers and CDNs may cache the box of a new story")
    max_age_old: int = Field(600, ge=0, description="the same of an old one: a hundredth of its age, up to this")
    cache_size: int = Field(10_000, ge=0, description="ready answers each worker keeps at most, 0: none")
    cache_bytes: int = Field(96_000_000, ge=0, description="bytes of memory that they take at most")
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
