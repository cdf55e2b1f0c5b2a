"""What page makers intend with kinds of stories, as data: when a story is such, then its box is made so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from recommend.articles.article import ID_LIMIT, LINE_LIMIT, ArticleId, Moment

MOST_RULES = 200
MOST_VALUES = 1_000
MOST_FACTOR = 10.0
"""By which the odds of a candidate are raised or lowered at most, by all rules together."""

_MOST_PARTS = 50

Same = Literal["section", "site", "language", "genre", "author"]
Per = Literal["author", "section", "site"]


def _several(given: Any) -> Any:
    """One value is short for a list of it."""
    return (given,) if isinstance(given, str | Mapping) else given


_Texts = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=max(ID_LIMIT, LINE_LIMIT))], ...],
    BeforeValidator(_several),
    Field(max_length=MOST_VALUES),
]
_Days = Annotated[float | None, Field(ge=0.0, allow_inf_nan=False)]


class Part(BaseModel):
    """A table of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Match(Part):
    """Which stories. All fields that are given must hold, each of one of its values; one without any is fulfilled by
    every story.

    Attributes:
        max_age, min_age: days since its publication until today at most, or at least; of an unknown date neither holds.
        any: one of these must hold; ``all`` every one; ``not_`` none.
        same: of candidates: what they must have in common with the story under which the box stands.
        series: of candidates: they share a tag with it that begins like this.
    """

    id: _Texts = ()
    section: _Texts = ()
    tag: _Texts = ()
    site: _Texts = ()
    language: _Texts = ()
    genre: _Texts = ()
    author: _Texts = ()
    max_age: _Days = None
    min_age: _Days = None
    any: Annotated[tuple[Match, ...], BeforeValidator(_several), Field(max_length=_MOST_PARTS)] = ()
    all: Annotated[tuple[Match, ...], BeforeValidator(_several), Field(max_length=_MOST_PARTS)] = ()
    not_: Annotated[tuple[Match, ...], BeforeValidator(_several), Field(alias="not", max_length=_MOST_PARTS)] = ()
    same: Annotated[tuple[Same, ...], BeforeValidator(_several)] = ()
    series: Annotated[str, StringConstraints(min_length=1, max_length=LINE_LIMIT)] | None = None

    def __bool__(self) -> bool:
        return not self.is_empty

    @cached_property
    def is_empty(self) -> bool:
        """Whether every story fulfils it."""
        return all(getattr(self, name) in ((), None) for name in Match.model_fields)

    @classmethod
    def made(cls, **fields: Any) -> Match:
        """One of fields that were checked before."""
        return cls.model_construct(**fields)

    def parts(self) -> Iterator[Match]:
        """It and all within it."""
        yield self
        for part in (*self.any, *self.all, *self.not_):
            yield from part.parts()

    @cached_property
    def named(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The fields that name values, with these."""
        return tuple((name, values) for name in NAMED if (values := getattr(self, name)))

    @cached_property
    def compares(self) -> bool:
        """Whether it compares candidates with the story under which the box stands."""
        return any(part.same or part.series for part in self.parts())

    @cached_property
    def ages(self) -> bool:
        """Whether it looks at ages."""
        return any(part.max_age is not None or part.min_age is not None for part in self.parts())


_EVERY = Match()
NAMED = ("id", "section", "site", "genre", "language", "tag", "author")
"""Fields of a match that name values."""


class Signals(Part):
    """Values that say nothing of what is related."""

    section: _Texts = ()
    tag: _Texts = ()
    author: _Texts = ()

    def __bool__(self) -> bool:
        return bool(self.section or self.tag or self.author)


class Then(Part):
    """What a rule does: one of these.

    Attributes:
        prefer, hold_back: candidates whose odds are multiplied, or divided, by ``factor`` when the order is made.
        leave_out: candidates that are not shown; ``only``: no others are.
        at_most: so many items of a box of one author, section or site, as ``per`` says.
        pin: a story that stands at ``position``, if it may be shown.
        latest_of_story: of the pieces of the story's own running story, only the latest is shown.
        ignore: values that do not count as something in common.
    """

    prefer: Match | None = None
    hold_back: Match | None = None
    factor: Annotated[float, Field(gt=1.0, le=MOST_FACTOR)] = 2.0
    leave_out: Match | None = None
    only: Match | None = None
    at_most: Annotated[int, Field(ge=1, le=50)] | None = None
    per: Per | None = None
    pin: ArticleId | None = None
    position: Annotated[int, Field(ge=1, le=50)] = 1
    latest_of_story: Literal[True] | None = None
    ignore: Signals | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) if given else "nothing"
            raise ValueError(f"says {said}: a rule does one of {', '.join(ACTIONS)}")
        (action,) = given
        for name, actions in _BESIDE.items():
            if name in self.model_fields_set and action not in actions:
                raise ValueError(f"{name} goes with {' or '.join(actions)}, not with {action}")
        if action == "at_most" and self.per is None:
            raise ValueError("at_most needs per: author, section or site")
        if isinstance(named := getattr(self, action), Match | Signals) and not named:
            raise ValueError(f"{action} names nothing: say which by section, tag, site, language, genre, author or id")
        return self

    @cached_property
    def action(self) -> str:
        """Which of ACTIONS it is."""
        return next(name for name in ACTIONS if getattr(self, name) is not None)

    @cached_property
    def named(self) -> Match | None:
        """The candidates that it names, None where it names none."""
        match = getattr(self, self.action)
        return match if isinstance(match, Match) else None


ACTIONS = ("prefer", "hold_back", "leave_out", "only", "at_most", "pin", "latest_of_story", "ignore")
_BESIDE = {"factor": ("prefer", "hold_back"), "per": ("at_most",), "position": ("pin",)}


class Rule(Part):
    """One rule.

    Attributes:
        name: by which boxes say that they followed it.
        on: whether it does anything.
        from_, until: between which moments.
        when: the stories under whose boxes it does.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    on: bool = True
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    when: Match = _EVERY
    then: Then

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.when.compares:
            raise ValueError("when: same and series are of candidates: say them in then")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError(f"ends {self.until:%Y-%m-%d %H:%M} before it begins {self.from_:%Y-%m-%d %H:%M}")
        return self

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        begun = self.from_ is None or self.from_ <= now
        return self.on and begun and (self.until is None or now < self.until)

    @property
    def ages(self) -> bool:
        """Whether it looks at ages."""
        return self.when.ages or (self.then.named is not None and self.then.named.ages)


class RuleBook(Part):
    """All rules, in their order."""

    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)] = ()

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        seen = set[str]()
        for rule in self.rules:
            if rule.name in seen:
                raise ValueError(f"two rules are called {rule.name!r}: give each a name of its own")
            seen.add(rule.name)
        return self

    def __bool__(self) -> bool:
        return bool(self.rules)

    def active(self, now: datetime) -> tuple[Rule, ...]:
        """Those in force."""
        return tuple(rule for rule in self.rules if rule.holds(now))

    def next_change_at(self, now: float) -> float | None:
        """The first moment after ``now`` (seconds since 1970) at which a rule begins or ends; None: never."""
        ends = (moment.timestamp() for rule in self.rules if rule.on for moment in (rule.from_, rule.until) if moment)
        return min((moment for moment in ends if moment > now), default=None)

    @cached_property
    def ages(self) -> bool:
        """Whether any rule looks at ages, so that another day may bring another box."""
        return any(rule.on and rule.ages for rule in self.rules)

    @cached_property
    def digest(self) -> str:
        """Eight hexadecimal digits of the hash of what they say."""
        return blake2b(repr(self.document()).encode(), digest_size=4).hexdigest()

    def document(self) -> dict[str, Any]:
        """As JSON, without what is not said."""
        return {"rules": [rule.model_dump(mode="json", by_alias=True, exclude_unset=True) for rule in self.rules]}


NO_RULES = RuleBook()
