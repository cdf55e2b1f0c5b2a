"""Fills the Related Articles box under a story."""

from importlib import import_module
from typing import TYPE_CHECKING

from recommend.offline import disable_telemetry

disable_telemetry()

if TYPE_CHECKING:
    from recommend.articles.article import Article
    from recommend.configuration import load_settings
    from recommend.errors import RecommendError
    from recommend.evaluation.lab import ablate, compare, evaluate
    from recommend.index.filters import Filters
    from recommend.ranking.answer import Answer, Recommendation
    from recommend.recommender import Recommender
    from recommend.settings import Settings

__all__ = [
    "Answer",
    "Article",
    "Filters",
    "RecommendError",
    "Recommendation",
    "Recommender",
    "Settings",
    "ablate",
    "compare",
    "evaluate",
    "load_settings",
]
_HOMES = {
    "Answer": "ranking.answer",
    "Article": "articles.article",
    "Filters": "index.filters",
    "RecommendError": "errors",
    "Recommendation": "ranking.answer",
    "Recommender": "recommender",
    "Settings": "settings",
    "ablate": "evaluation.lab",
    "compare": "evaluation.lab",
    "evaluate": "evaluation.lab",
    "load_settings": "configuration",
}

if not TYPE_CHECKING:  # a type checker shall know a name that is not here from one that is

    def __getattr__(name: str) -> object:
        """A public name, brought in when first asked for: what reads articles need not wait for numpy and FAISS."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
