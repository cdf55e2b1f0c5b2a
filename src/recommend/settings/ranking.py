"""Settings of what is ranked, how, and what is shown of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from recommend.settings.group import Group


class RankingSettings(Group):
    """How candidates are found and scored."""

    candidates: int = Field(
        200, ge=10, le=10_000, description="candidates from dense search, and as many again from lexical search"
    )
    near_in_time: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="articles nearest in time that are compared as well; of these the best become candidates, "
        "half as many as ranking.candidates",
    )
    lexical_terms: int = Field(
        32, ge=1, le=1000, description="number of the query's strongest terms that lexical search looks for"
    )
    as_of: Literal["any", "query"] = Field(
        "any", description="any: all articles are candidates; query: only those published before the query article"
    )
    without: list[str] = Field(default_factory=list, description="features that are left out of the score")
    weights: dict[str, Annotated[float, Field(ge=0.0, le=100.0)]] = Field(
        default_factory=dict,
        description="factor for the weight of a feature, by its name; that weight is then the same in every corpus",
    )
    corpus_weights: bool = Field(
        True, description="weigh sections, tags and authors by what they are worth in this corpus"
    )
    model: str = Field("news-linear", description="name of the ranker: a JSON file in models/, without .json")

    @field_validator("without", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """``ranking.without=section,time`` is short for a list."""
        return [name for name in value.split(",") if name] if isinstance(value, str) else value


class PolicySettings(Group):
    """What is filtered out of the box, whatever its score."""

    on: bool = Field(True, description="whether the policy is applied at all")
    hide_duplicates: bool = Field(True, description="show no copy of the story itself, and of several copies only one")
    duplicate_lexical: float = Field(
        0.9, ge=0.0, le=1.0, description="least lexical cosine of two duplicates, numbers aside"
    )
    update_lexical: float = Field(
        0.74,
        ge=0.0,
        le=1.0,
        description="least lexical cosine of a report and its update, which differ in their numbers; the newest "
        "is shown",
    )
    duplicate_dense: float = Field(
        0.8, ge=0.0, le=1.0, description="least dense cosine of two duplicates, or of a report and its update"
    )
    hidden_genres: list[str] = Field(
        default_factory=lambda: ["opinion", "letters", "live", "sponsored", "correction"],
        description="genres that are shown only under stories of the same genre",
    )
    same_language: bool = Field(True, description="show only articles in the language of the story")
    diversity: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="how much variety counts against the score (MMR); 0: score alone; 1: variety alone",
    )
    floor: float = Field(0.4, ge=0.0, le=1.0, description="lowest score of what is called related")
    fill: Literal["related", "section", "latest", "none"] = Field(
        "related",
        description="what fills a box after its related stories, told apart from them: the next best; the newest of "
        "the section, then of all; the newest; nothing",
    )
    readable: int = Field(
        0, ge=0, le=50, description="least number of stories in a box that the reader is allowed to open"
    )
    freshness: Literal["any", "near", "fresh"] = Field(
        "any",
        description="what comes first among the best: any: the highest score; near: what is of the story's own time; "
        "fresh: what is new; a request may say otherwise (prefer)",
    )
    freshness_half_life: float = Field(
        360.0, gt=0.0, allow_inf_nan=False, description="days of age after which a score counts half"
    )
    freshness_offset: float = Field(30.0, ge=0.0, allow_inf_nan=False, description="days of age that cost nothing")
    freshness_sections: dict[str, Annotated[float, Field(gt=0.0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="half-life in days, by section, where it differs"
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
