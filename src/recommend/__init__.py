"""Fills the Related Articles box under a story."""

from recommend.answer import Answer, Recommendation
from recommend.article import Article
from recommend.errors import RecommendError
from recommend.recommender import Recommender
from recommend.settings import Settings, load_settings
from recommend.table import Filters

__all__ = [
    "Answer",
    "Article",
    "Filters",
    "RecommendError",
    "Recommendation",
    "Recommender",
    "Settings",
    "load_settings",
]
