"""The effect of editors' rules on one box. They act only here: on candidates, before policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.articles.rules import MOST_FACTOR, Match, Per, Rule, Signals, Then
from recommend.index.conditions import Ruled
from recommend.index.view import View
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.masks import Masks, places
from recommend.ranking.matching import Story, holds, matching

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

_LEAST = 1e-6  # probabilities beyond are as good as certain


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` items of a box of each value of ``per``."""

    most: int
    per: Per


@dataclass(frozen=True, slots=True)
class Pin:
    """A story that stands at a position, from 1 on."""

    id: str
    position: int


class Held(NamedTuple):
    """A rule that applies to a box, and the match for its candidates; None where it names none."""

    rule: Rule
    match: Match | None


@dataclass(frozen=True)
class Ruling:
    """The rules that hold of one box.

    Attributes:
        rules: in their order.
        story: under which the box stands.
        today: seconds since 1970, of ages.
    """

    rules: tuple[Held, ...] = ()
    story: Story = field(default_factory=Story)
    today: int = 0

    @classmethod
    def of(cls, active: Iterable[Rule], story: Story, today: int) -> Ruling:
        """The ruling for a story, of rules that are in force."""
        held = list[Held]()
        for rule in active:
            if rule.when.is_empty or holds(rule.when, story, today):
                named = rule.then.named
                match = None if named is None else story.resolved(named)
                if named is None or match is not None:
                    held.append(Held(rule, match))
        return cls(tuple(held), story, today)

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def key(self) -> object:
        """Where it is the same, so is what :meth:`masks` lets stand."""
        return tuple((match, rule.then.only is None) for rule, match in self._sifting)

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """How many items of one kind there may be."""
        return tuple(Limit(then.at_most, then.per) for then in self._then("at_most") if then.at_most and then.per)

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """Those of rules, by position; of one story, and of one position, the first counts."""
        pins: dict[str, Pin] = {}
        for then in self._then("pin"):
            assert then.pin is not None
            taken = {pin.position for pin in pins.values()}
            if then.pin not in pins and then.position not in taken and then.pin != self.story.id:
                pins[then.pin] = Pin(then.pin, then.position)
        return tuple(sorted(pins.values(), key=lambda pin: pin.position))

    def pinned(self, view: View, masks: Masks, others: Collection[str]) -> list[Place]:
        """Where those articles are that rules pin and that may be shown, without ``others``, by position."""
        ids = [pin.id for pin in self.pins if pin.id not in others]
        pinned = places(view, masks, ids) if ids else []
        return [place for place in pinned if self.left_out_by(view, place, strictly=False) is None]

    def pinned_ids(self, view: View, masks: Masks, others: Collection[str]) -> list[str]:
        """Ids of the same."""
        return [view.segments[number].table.id(row) for number, row in self.pinned(view, masks, others)]

    @cached_property
    def latest_of_story(self) -> bool:
        """Whether of its running story only the latest piece stays."""
        return any(True for _ in self._then("latest_of_story"))

    @cached_property
    def ignored(self) -> tuple[Signals, ...]:
        """Values that say nothing."""
        return tuple(then.ignore for then in self._then("ignore") if then.ignore is not None)

    @cached_property
    def sifts(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self._sifting)

    def passes(self, view: View, candidates: Candidates) -> BoolArray:
        """(n,) which candidates it lets stand."""
        passing = np.ones(len(candidates), np.bool_)
        for rule, match in self._sifting:
            passing &= self._meant(view, candidates, match) == (rule.then.only is not None)
        return passing

    def masks(self, view: View, masks: Masks, *, strictly: bool = True) -> Masks:
        """The masks without what it leaves out; not ``strictly``, what is no more than not among ``only`` stays."""
        sifting = [(rule, match) for rule, match in self._sifting if strictly or rule.then.only is None]
        if not sifting:
            return masks
        wanted = [(match, rule.then.only is not None) for rule, match in sifting]
        return _sifted(view, masks, wanted, self.today)

    def shifts(self, view: View, candidates: Candidates) -> FloatArray | None:
        """(n,) what is added to each candidate's log-odds when the order is made; None where nothing is."""
        if not self._weighing:
            return None
        shifts = np.zeros(len(candidates))
        for rule, match in self._weighing:
            sign = 1.0 if rule.then.prefer is not None else -1.0
            shifts += sign * np.log(rule.then.factor) * self._meant(view, candidates, match)
        return np.clip(shifts, -np.log(MOST_FACTOR), np.log(MOST_FACTOR))

    def limited(self, view: View, candidates: Candidates) -> list[tuple[BoolArray, int]]:
        """For each kind of which rules limit the number, which (n,) candidates are of it, and how many may be taken."""
        kinds = []
        for limit in self.limits:
            values = [values_of(view, place, limit.per) for place in candidates.places]
            for value in sorted(set().union(*values)):
                kind = np.array([value in own for own in values])
                if np.count_nonzero(kind) > limit.most:
                    kinds.append((kind, limit.most))
        return kinds

    def thinned(self, view: View, candidates: Candidates, most: int, spare: int) -> Candidates:
        """The first ``most`` of the candidates without those of which so many come before that, repeats aside, no more
        may be taken: ``spare`` more of a kind than there may be."""
        if not self.limits:
            return candidates.first(most)
        left = islice(self._open(view, candidates.places, (), spare), most)
        return candidates.take(np.array([i for i, _ in left], np.int64))

    def open_to(self, view: View, masks: Masks, shown: Sequence[Place]) -> Masks:
        """The masks without the rows of which no more may be taken, beside those that are shown."""
        full = list[Match]()
        for limit in self.limits:
            counts = Counter(value for place in shown for value in values_of(view, place, limit.per))
            values = tuple(sorted(value for value, count in counts.items() if count >= limit.most))
            if values:
                full.append(Match.made(**{limit.per: values}))
        return _sifted(view, masks, [(match, False) for match in full], self.today)

    def within(self, view: View, shown: Sequence[Place], others: Iterable[Place], most: int) -> list[Place]:
        """Those shown and the first of the others beside them, ``most`` in all, no more of a kind than there may be."""
        chosen = [*shown]
        new = (place for place in others if place not in chosen)
        for _, place in islice(self._open(view, new, shown, 0), max(0, most - len(shown))):
            chosen.append(place)
        return chosen

    def touched(self, view: View, shown: Candidates, placed: Sequence[int], latest: Sequence[int]) -> list[list[str]]:
        """By item of a box, the names of the rules by which it stands there.

        Args:
            view: of the items.
            shown: these.
            placed: places of those that rules pinned.
            latest: places of those that stay as the latest of a story.
        """
        names: list[list[str]] = [[] for _ in range(len(shown))]
        for rule, match in self.rules:
            action = rule.then.action
            if match is not None and action != "leave_out":
                places: Iterable[int] = np.flatnonzero(self._meant(view, shown, match)).tolist()
            elif action == "pin":
                places = [i for i in placed if _id(view, shown, i) == rule.then.pin]
            else:
                places = latest if action == "latest_of_story" else ()
            for place in places:
                names[place].append(rule.name)
        return names

    def left_out_by(self, view: View, place: Place, *, strictly: bool = True) -> str | None:
        """The name of the rule by which the article at a place is not shown, None where there is none; not
        ``strictly``, it may be one that is not among ``only``."""
        for rule, match in self._sifting:
            if not strictly and rule.then.only is not None:
                continue
            if is_meant(view, match, place, self.today) != (rule.then.only is not None):
                return rule.name
        return None

    @cached_property
    def _sifting(self) -> tuple[tuple[Rule, Match], ...]:
        return tuple(self._matches("leave_out", "only"))

    @cached_property
    def _weighing(self) -> tuple[tuple[Rule, Match], ...]:
        return tuple(self._matches("prefer", "hold_back"))

    def _open(
        self, view: View, others: Iterable[Place], shown: Sequence[Place], spare: int
    ) -> Iterator[tuple[int, Place]]:
        """Those of the others, numbered, of which more may be taken beside those shown and the ones before."""
        counts = Counter(kind for place in shown for kind in self._kinds(view, place))
        for i, place in enumerate(others):
            kinds = self._kinds(view, place)
            if all(counts[kind] < kind[0].most + spare for kind in kinds):
                counts.update(kinds)
                yield i, place

    def _kinds(self, view: View, place: Place) -> list[tuple[Limit, str]]:
        return [(limit, value) for limit in self.limits for value in values_of(view, place, limit.per)]

    def _matches(self, *actions: str) -> Iterator[tuple[Rule, Match]]:
        for rule, match in self.rules:
            if match is not None and rule.then.action in actions:
                yield rule, match

    def _then(self, action: str) -> Iterator[Then]:
        return (rule.then for rule, _ in self.rules if rule.then.action == action)

    def _meant(self, view: View, candidates: Candidates, match: Match) -> BoolArray:
        mask = np.zeros(len(candidates), np.bool_)
        for number, here, rows in candidates.by_segment():
            mask[here] = matching(match, view.segments[number].table, rows, self.today)
        return mask


UNRULED = Ruling()


def shifted(worth: NDArray[Any], shifts: FloatArray) -> FloatArray:
    """(n,) probabilities (n,) whose log-odds are shifted (n,)."""
    known = np.clip(worth.astype(np.float64), _LEAST, 1.0 - _LEAST)
    return 1.0 / (1.0 + (1.0 / known - 1.0) * np.exp(-shifts))


def _sifted(view: View, masks: Masks, sifting: Sequence[tuple[Match, bool]], today: int) -> Masks:
    """The masks without what matches mean, or, where that is wanted, without all else."""
    if not sifting:
        return masks
    rows = list(masks)
    for match, wanted in sifting:
        for number, segment in enumerate(view.segments):
            kept, held = matching(match, segment.table, None, today) == wanted, rows[number]
            rows[number] = kept if held is None else held & kept
    sifted = tuple(Ruled(match, wanted, today) for match, wanted in sifting)
    return Masks(tuple(rows), replace(masks.conditions, ruled=masks.conditions.ruled + sifted))


def is_meant(view: View, match: Match, place: Place, today: int) -> bool:
    """Whether a match means the article at a place."""
    return bool(matching(match, view.segments[place[0]].table, np.array([place[1]]), today)[0])


def values_of(view: View, place: Place, per: Per) -> list[str]:
    """The authors, the section or the site of an article."""
    table, row = view.segments[place[0]].table, place[1]
    if per == "author":
        return table.authors(row)
    value = table.value(per, row)
    return [] if value is None else [value]


def _id(view: View, shown: Candidates, i: int) -> str:
    return view.segments[int(shown.segments[i])].table.id(int(shown.rows[i]))
