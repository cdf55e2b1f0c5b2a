"""Bodies of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, Discriminator, Field, RootModel, Tag
from pydantic.dataclasses import dataclass

from recommend.articles.card import Card
from recommend.articles.curation import Curation
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.reasons import ReasonKind
from recommend.story import Role

_EXPLAINED_BY = "with explain=true; where any article is not public, only the features that cards tell"
_BY_SETTING = Field(description="only where service.public_fields names it and access is public")


class ReasonBody(BaseModel):
    """Why a story is shown."""

    kind: ReasonKind
    text: str = Field(examples=["Same story: Novgorod, drones · two days earlier"])
    terms: list[str] = Field(
        description="what is shared, as written, strongest first: names, tags, authors, a kind of event"
    )
    rules: list[str] = Field(
        default_factory=list, description="by which rules of editors it stands there; absent where there are none"
    )


class Contribution(BaseModel):
    """One feature of an item: its value, and what it added to the ranking score."""

    value: float | None
    adds: float


@dataclass(frozen=True)
class Item(Card):
    """One story: its card, and why it is in the box."""

    score: Annotated[float, Field(ge=0, le=1, description="calibrated probability of being related; 0 in a fallback")]
    rank: Annotated[int, Field(ge=1)]
    reason: ReasonBody
    explanation: Annotated[dict[str, Contribution] | None, Field(description=_EXPLAINED_BY)] = None


@dataclass(frozen=True)
class PublicArticle(Card):
    """What everybody may see of an article."""

    text: Annotated[str | None, _BY_SETTING] = None
    expires_at: Annotated[datetime | None, _BY_SETTING] = None
    extra: Annotated[dict[str, Any] | None, _BY_SETTING] = None


@dataclass(frozen=True)
class PublicCard(Card):
    """The card of an article, as everybody may see it."""


class NearMissBody(BaseModel):
    """An article that ranks high and is not shown."""

    id: str
    title: str
    score: float = Field(ge=0, le=1)
    why: str


class AnswerBody(BaseModel):
    """The box under one story."""

    article_id: str | None
    request_id: str
    snapshot: str
    revision: int
    fallback: Literal["latest", "popular"] | None = Field(
        description="the box would be empty; these are the latest, or those that readers clicked most of late"
    )
    related: int = Field(
        ge=0, description="number of items that are related; they come first, the others only fill the box"
    )
    items: list[Item]
    short: str | None = Field(description="why there are fewer items than asked for")
    partial: bool | None = Field(
        None, description="true: stories are missing that lie on a server which does not answer; absent otherwise"
    )
    impression: str | None = Field(
        None, description="id of what is shown, for /v1/events; none of drafts, histories, explanations and the latest"
    )
    removed: dict[str, int] | None = Field(
        None, description="with explain=true: number of candidates that each rule of the policy removed"
    )
    near_misses: list[NearMissBody] | None = Field(
        None,
        description="with explain=true: the best that are not shown, where no body that is not public decides it",
    )


class ListBody(BaseModel):
    """A page of articles."""

    items: list[PublicCard]
    total: int = Field(ge=0, description="number of articles on all pages")
    next: str | None = Field(description="cursor of the next page; null: this is the last one")
    partial: bool | None = Field(None, description="as of boxes")


class WhyBody(BaseModel):
    """How one article stands under another."""

    article_id: str
    other_id: str
    rank: int | None = Field(description="place in the box, from 1; null: it is not there")
    place: int | None = Field(description="place among all candidates by score alone; null: no search finds it")
    candidates: int = Field(description="number of candidates")
    score: float = Field(ge=0, le=1, description="calibrated probability of being related")
    explanation: dict[str, Contribution]
    why: str = Field(description="what put it there, or keeps it out")


class LeftOut(BaseModel):
    """A field that was not taken as it was written, of an article that was."""

    field: str
    value: str = Field(description="value as it was written, shortened")
    reason: str


class Stored(BaseModel):
    """An acknowledged change: durable, and applied by every worker before its next answer."""

    id: str
    revision: int
    warnings: list[LeftOut] = Field(default_factory=list, description="optional fields that could not be read")


class CurationStored(BaseModel):
    """An acknowledged curation: durable, and in force for every answer from now on."""

    id: str
    revision: int
    unknown: list[str] = Field(description="ids that it names and the store does not have: mistyped, or yet to come")


class CurationEntry(BaseModel):
    """One change of a curation."""

    revision: int
    changed_at: datetime
    changed_by: str = Field(description="name of the key, or takedown when the article itself was taken down")
    before: Curation | None
    after: Curation | None


class CuratedBody(Curation):
    """The editors' decisions about an article, and who made them."""

    id: str
    history: list[CurationEntry] = Field(description="latest first, at most 50")


def _shape(given: Any) -> str:
    return "history" if isinstance(given, dict) and "ids" in given and "title" not in given else "draft"


_SHAPE = Discriminator(_shape)


class Draft(BaseModel):
    """An article that is not stored; the fields of an article, all but the title optional."""

    model_config = {"extra": "allow", "json_schema_extra": {"examples": [{"title": "Leaders condemn drone attack"}]}}

    title: str
    text: Annotated[str, BeforeValidator(lambda value: "" if value is None else value)] = ""

    @property
    def has_id(self) -> bool:
        """Whether it names an article, which is then not among its own related stories."""
        return bool((self.model_extra or {}).get("id"))

    def row(self) -> dict[str, Any]:
        """As :func:`recommend.articles.article.parse_article` takes it: with a stand-in for the id that it lacks."""
        given = self.model_dump()
        return {"id": "draft", **{key: value for key, value in given.items() if key != "id" or value}}


class ProposedLink(BaseModel):
    """A place in a draft's text, and the story that a link there should lead to."""

    offset: int = Field(
        ge=0, description="position at which the words begin, in Unicode characters of the text as it was sent"
    )
    length: int = Field(ge=1)
    text: str = Field(description="the words: a rare name")
    id: str
    title: str
    url: str | None
    score: float = Field(ge=0, le=1, description="calibrated probability that the story is related")


@dataclass(frozen=True)
class StoryPart(Card):
    """One article of a running story."""

    role: Annotated[Role | None, Field(description="turn: brings in a name that several of the story carry")]
    label: Annotated[str | None, Field(description="the role in words, in the language of the article asked for")]


class StoryBody(BaseModel):
    """The running story that an article belongs to."""

    article_id: str
    name: str | None = Field(description="its strongest shared names; null where there is no story")
    terms: list[str]
    articles: list[StoryPart] = Field(description="oldest first; empty where fewer than three belong together")
    heading: str | None = Field(description="what stands over a story, in the language of the article")
    total: int = Field(
        ge=0, description="number of articles in the story, of which as many are listed as were asked for"
    )


class LinksBody(BaseModel):
    """The links that a draft should have, in order of place."""

    links: list[ProposedLink]


class History(BaseModel):
    """What a reader has read."""

    model_config = {"extra": "forbid"}

    ids: list[str] = Field(min_length=1, max_length=50, description="ids of articles that were read, the latest last")


class QueryBody(RootModel[Annotated[Annotated[Draft, Tag("draft")] | Annotated[History, Tag("history")], _SHAPE]]):
    """A draft, or a reading history."""


class Page(BaseModel):
    """The articles of one page that a box stands under."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"ids": ["story-7", "story-3", "story-1"], "exclude": ["story-9"]}]},
    }

    ids: list[str] = Field(
        min_length=1, max_length=24, description="ids of articles, in the order of their boxes on the page"
    )
    exclude: list[str] = Field([], max_length=500, description="ids of what the page shows outside the boxes")


class PageBody(BaseModel):
    """The boxes of one page, in the order asked for."""

    boxes: list[AnswerBody]


_EXPLAINED = tuple(field.name for field in fields(Recommendation))
_ITEM = tuple(name for name in _EXPLAINED if name != "explanation")
_values_explained, _values = attrgetter(*_EXPLAINED), attrgetter(*_ITEM)


def answer_bytes(answer: Answer, request_id: str, *, explain: bool, impression: str | None = None) -> bytes:
    """An answer as JSON; without ``request_id`` when that is empty."""
    names, values = (_EXPLAINED, _values_explained) if explain else (_ITEM, _values)
    items = [dict(zip(names, values(item), strict=True)) for item in answer.items]
    body: dict[str, object] = {"article_id": answer.article_id}
    if request_id:
        body["request_id"] = request_id
    body |= {
        "snapshot": answer.snapshot,
        "revision": answer.revision,
        "fallback": answer.fallback,
        "related": answer.related,
        "items": items,
        "short": answer.short,
        "impression": impression,
    }
    if answer.partial:
        body["partial"] = True
    if explain:
        body |= {"removed": answer.removed, "near_misses": answer.near_misses}
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)
