"""Bodies of requests and answers about rules, as the OpenAPI document shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from recommend.articles.card import Card
from recommend.articles.rule_documents import read_rules
from recommend.articles.rules import MOST_RULES, Rule, RuleBook
from recommend.errors import RulesError
from recommend.ranking.rule_check import Checked
from recommend.ranking.trial import Change, Tally, Trial
from recommend.store.rules import RulesChange, restored


class RulesDocument(RuleBook):
    """All rules, in their order."""

    rules: Annotated[
        tuple[Rule, ...], Field(max_length=MOST_RULES, description="all rules; an empty list: no rule holds any more")
    ]

    @model_validator(mode="wrap")
    @classmethod
    def _told_by_rule(cls, given: Any, handler: Callable[[Any], RulesDocument]) -> RulesDocument:
        try:
            read_rules(given)
        except RulesError as problem:
            raise PydanticCustomError("rules", "{said}", {"said": str(problem)}) from None
        return handler(given)


class CheckedRule(BaseModel):
    """The effect of one rule in the archive."""

    rule: str
    stories: int = Field(description="number of stories whose box the rule holds for")
    candidates: int | None = Field(
        description="number of articles that the rule selects; on average, where it compares with the story; "
        "null: it selects no articles"
    )
    warnings: list[str]

    @classmethod
    def of(cls, checked: Sequence[Checked]) -> list[CheckedRule]:
        """Those of some rules."""
        return [cls(rule=o.rule, stories=o.stories, candidates=o.candidates, warnings=[*o.warnings]) for o in checked]


class RulesStored(BaseModel):
    """Acknowledged rules: durable, and in force for every answer from now on."""

    revision: int
    checked: list[CheckedRule] = Field(description="what each rule comes to; empty where no snapshot is served")


class RulesEntry(BaseModel):
    """One document of rules that was put."""

    revision: int
    changed_at: datetime
    changed_by: str = Field(description="name of the key, or of the account that ran a command")
    same_as: int | None = Field(description="the revision of the latest before it that put the same, as an undo does")
    rules: list[dict[str, Any]]


class RulesBody(BaseModel):
    """The rules that hold, and those before them."""

    rules: list[dict[str, Any]] = Field(description="the rules as they were sent")
    revision: int = Field(description="revision from which on they hold; 0: there never were any")
    history: list[RulesEntry] = Field(description="latest first, at most 20; the first is what holds")

    @classmethod
    def of(cls, history: Sequence[RulesChange]) -> RulesBody:
        """That of a history, latest first."""
        entries = [
            RulesEntry(
                revision=one.revision,
                changed_at=one.changed_at,
                changed_by=one.changed_by,
                same_as=None if earlier is None else earlier.revision,
                rules=_rules(one.book),
            )
            for one, earlier in zip(history, restored(history), strict=True)
        ]
        return cls(
            rules=entries[0].rules if entries else [], revision=entries[0].revision if entries else 0, history=entries
        )


class TriedItem(BaseModel):
    """One item of a box, and what becomes of it."""

    id: str
    title: str
    score: float
    step: Literal["same", "moved", "came", "left"]
    related: bool
    rules: list[str] = Field(description="names of the rules that put it there")

    @classmethod
    def of(cls, changes: Sequence[Change]) -> list[TriedItem]:
        """Those of one side of a trial."""
        return [
            cls(
                id=change.item.id,
                title=change.item.title,
                score=change.item.score,
                step=change.step,
                related=change.related,
                rules=[*getattr(change.item.reason, "rules", ())],
            )
            for change in changes
        ]


class TriedBox(BaseModel):
    """The box of one story, as it is and as it would be."""

    id: str
    title: str
    changed: bool
    before: list[TriedItem]
    after: list[TriedItem]
    before_fallback: Literal["latest", "popular"] | None = Field(
        description="latest: nothing was left, and the newest stand in"
    )
    after_fallback: Literal["latest", "popular"] | None


class TriedTally(BaseModel):
    """What becomes of the boxes together."""

    related_before: int = Field(description="number of related items")
    related_after: int
    shorter: int = Field(description="number of boxes that have fewer items than before")
    emptied: int = Field(description="number of boxes that lose all items; the latest stand in")


class TrialBody(BaseModel):
    """The effect that rules would have."""

    checked: list[CheckedRule]
    boxes: list[TriedBox]
    tally: TriedTally

    @classmethod
    def of(cls, checked: Sequence[Checked], tried: Sequence[tuple[Card, Trial]]) -> TrialBody:
        """That of a check and of trials."""
        boxes = [
            TriedBox(
                id=card.id,
                title=card.title,
                changed=trial.changed,
                before=TriedItem.of(trial.before),
                after=TriedItem.of(trial.after),
                before_fallback=trial.before_fallback,
                after_fallback=trial.after_fallback,
            )
            for card, trial in tried
        ]
        tally = TriedTally(**asdict(Tally.of([trial for _, trial in tried])))
        return cls(checked=CheckedRule.of(checked), boxes=boxes, tally=tally)


def _rules(book: RuleBook) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = book.document()["rules"]
    return rules
