"""Every setting, with its default and range."""

from recommend.settings.indexing import EncoderSettings, IndexSettings, PgvectorSettings, RaySettings, SourceSettings
from recommend.settings.ranking import PolicySettings, RankingSettings
from recommend.settings.service import EventSettings, ServiceSettings, VariantSettings
from recommend.settings.settings import Settings

__all__ = [
    "EncoderSettings",
    "EventSettings",
    "IndexSettings",
    "PgvectorSettings",
    "PolicySettings",
    "RankingSettings",
    "RaySettings",
    "ServiceSettings",
    "Settings",
    "SourceSettings",
    "VariantSettings",
]
