"""All settings of one process; :mod:`recommend.configuration` reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from recommend.settings.indexing import EncoderSettings, IndexSettings, PgvectorSettings, RaySettings, SourceSettings
from recommend.settings.ranking import PolicySettings, RankingSettings
from recommend.settings.service import EventSettings, ServiceSettings


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
        """Where settings come from, the strongest first."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
