"""Settings of what is ranked, how, and what is shown of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from recommend.settings.group import Group


class RankingSettings(Group):
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


class PolicySettings(Group):
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
    floor: float = Field(0.4, ge=0.0, le=1.0, description="least calibrated score of what is called related")
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
    exposure: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="what a story that no box shows may lack in score to stand in one all the same; recommend "
        "reindex decides which story in which box; 0: nothing",
    )
    max_age: dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='days by section, "*" for all others: what was that old when the story appeared is not shown',
    )
