"""What readers did with a box: impressions and clicks, with the position, and with nothing of the reader."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from recommend.articles.article import ID_LIMIT

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_ArticleId = Annotated[str, StringConstraints(max_length=ID_LIMIT, pattern=_PRINTABLE)]
_Name = Annotated[str, StringConstraints(max_length=64, pattern=_PRINTABLE)]


def _past(moment: datetime) -> datetime:
    """In UTC, which is assumed where no zone is given; what claims to lie in the future happened now."""
    try:
        known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None
    return min(known, datetime.now(UTC))


class Event(BaseModel):
    """One item seen or clicked. Fields that are not named here are dropped.

    Attributes:
        request_id: of the answer that held the item; answers from a cache share one.
        article_id: the article under which the box stood.
        position: the item's rank, 1 for the first.
        variant: the settings under which the box was ranked, where such a test runs.
        happened_at: in UTC, never in the future; the time of arrival when not given.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["impression", "click"]
    request_id: _Name | None = None
    article_id: _ArticleId
    item_id: _ArticleId
    position: int = Field(ge=1, le=50)
    variant: _Name | None = None
    happened_at: Annotated[datetime, AfterValidator(_past)] = Field(default_factory=lambda: datetime.now(UTC))
