"""What editors decide about an article: which stories come first in its box, which never, and whether it is hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recommend.articles.article import ArticleId, Moment

MOST_PINNED = 50
MOST_BLOCKED = 1_000


class Choice(BaseModel):
    """One article that is pinned or blocked, in force before ``until`` or, when that is None, for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ArticleId
    until: Moment = None

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until


def _each_once(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    seen = set[str]()
    for choice in choices:
        if choice.id in seen:
            raise ValueError(f"names {choice.id!r} twice: give each article once")
        seen.add(choice.id)
    return choices


class Curation(BaseModel):
    """The editors' decisions about one article.

    Attributes:
        pinned: come first in the article's box, in this order.
        blocked: never appear in it; what is both pinned and blocked is blocked.
        hidden_until: until then the article is recommended nowhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pinned: Annotated[tuple[Choice, ...], Field(max_length=MOST_PINNED), AfterValidator(_each_once)] = ()
    blocked: Annotated[tuple[Choice, ...], Field(max_length=MOST_BLOCKED), AfterValidator(_each_once)] = ()
    hidden_until: Moment = None

    def pins(self, now: datetime) -> list[str]:
        """Ids to show first, in order."""
        blocked = self.blocks(now)
        return [pin.id for pin in self.pinned if pin.holds(now) and pin.id not in blocked]

    def blocks(self, now: datetime) -> frozenset[str]:
        """Ids not to show."""
        return frozenset(block.id for block in self.blocked if block.holds(now))

    def hides(self, now: datetime) -> bool:
        """Whether the article itself is shown nowhere."""
        return self.hidden_until is not None and now < self.hidden_until


UNCURATED = Curation()
UNREADABLE = Curation(hidden_until=datetime.max.replace(tzinfo=UTC))
"""Stands in for a curation that cannot be read: what editors may have hidden stays hidden."""
