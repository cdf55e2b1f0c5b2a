"""What readers did with a box: impressions and clicks, with the position, and with nothing of the reader."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from recommend.articles.article import ID_LIMIT
from recommend.articles.impressions import LONGEST

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
_ArticleId = Annotated[str, StringConstraints(max_length=ID_LIMIT, pattern=_PRINTABLE)]
_Name = Annotated[str, StringConstraints(max_length=64, pattern=_PRINTABLE)]
_Impression = Annotated[str, StringConstraints(max_length=LONGEST, pattern=_PRINTABLE)]
_Position = Annotated[int, Field(ge=1, le=50)]


def _past(moment: datetime) -> datetime:
    """In UTC, which is assumed where no zone is given; what claims to lie in the future happened now."""
    try:
        known = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None
    return min(known, datetime.now(UTC))


_Moment = Annotated[datetime, AfterValidator(_past)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: Literal["impression", "click"]
    request_id: _Name | None = Field(None, description="of the answer that held the item; caches share one")
    article_id: _ArticleId = Field(description="under which the box stood")
    item_id: _ArticleId
    variant: _Name | None = None
    happened_at: _Moment = Field(
        default_factory=lambda: datetime.now(UTC), description="UTC; the time of arrival when not given"
    )
    impression: _Impression | None = Field(None, description="as the answer gave it: without one nothing is kept")
    view: _Name | None = Field(
        None, description="any name for one look at the box, such as a random one: in it each item is seen and clicked "
        "once at most; the request_id when not given"
    )  # fmt: skip


class ToldEvent(_Told):
    """One item seen or clicked, as a page tells it. Fields that are not named here are dropped."""

    position: _Position | None = Field(None, description="1 for the first; the impression knows it as well")
    unit: Annotated[str, StringConstraints(max_length=256)] | None = Field(
        None, description="of auto:UNIT; dropped unless events.units keeps a keyed hash of it"
    )


class Event(_Told):
    """One item seen or clicked, as it is kept.

    Attributes:
        position: the item's rank, 1 for the first.
        variant: the settings under which the box was ranked, where such a test runs.
        happened_at: in UTC, never in the future.
        impression: id of what was shown; None of what was kept before there were any.
        view: one look at the box.
        unit: a keyed hash of the reader's unit, where that is kept.
        settings: a hash of ranking and policy.
        base: where the ranking would have put the item; ``position`` is another where neighbours were exchanged.
        up, down: how probable it was that the item stood one position higher or lower than ``base``.
        team: which of two rankings drafted the item, 1 or 2; 0 for neither.
    """

    position: _Position
    unit: _Name | None = None
    settings: _Name | None = None
    base: _Position | None = None
    up: float = 0.0
    down: float = 0.0
    team: int = 0

    @property
    def identity(self) -> bytes | None:
        """Sixteen bytes that are the same for the same thing told twice; None without an impression."""
        if self.impression is None:
            return None
        identifying = "\0".join((self.impression, self.view or "", self.kind, self.item_id))
        return blake2b(identifying.encode(), digest_size=16).digest()
