"""Dry run of a document of rules on an archive: how many stories each rule matches, and which rules conflict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recommend.articles.rules import Match, Rule, RuleBook
from recommend.index.view import View
from recommend.ranking.freshness import today
from recommend.ranking.matching import Story, known_values, matching

BoolArray = NDArray[np.bool_]
Masks = list[BoolArray]

LOOKED_AT = 200
"""Stories at most that are looked at for a rule that compares candidates with each."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The effect of one rule.

    Attributes:
        rule: its name.
        stories: how many published stories have a box that it holds of.
        candidates: how many it means; of a rule that compares them with the story, on average.
        warnings: what is to be looked at, in plain words.
    """

    rule: str
    stories: int
    candidates: int | None
    warnings: tuple[str, ...]


def check_rules(book: RuleBook, view: View, now: float) -> list[Checked]:
    """What every rule of a document would come to in a view, at a moment in seconds since 1970."""
    archive = _Archive(view, today(now), datetime.fromtimestamp(now, UTC))
    looked = [_Looked(rule, *archive.look(rule)) for rule in book.rules]
    warnings: dict[str, list[str]] = {one.rule.name: list(archive.own_warnings(one)) for one in looked}
    for one, other in combinations((one for one in looked if one.rule.on), 2):
        shared = _count(_both(one.stories, other.stories))
        if shared:
            conflicts = archive.at_odds(one, other)
            warnings[other.rule.name] += [f"under {shared:,} stories {what}" for what in conflicts]
    return [Checked(o.rule.name, _count(o.stories), o.count, tuple(warnings[o.rule.name])) for o in looked]


@dataclass(frozen=True, slots=True)
class _Looked:
    """A rule with the rows of the stories that it holds of and, unless it compares, of the candidates that it means."""

    rule: Rule
    stories: Masks
    candidates: Masks | None
    count: int | None
    emptied: int


@dataclass(frozen=True, slots=True)
class _Archive:
    view: View
    today: int
    now: datetime

    def look(self, rule: Rule) -> tuple[Masks, Masks | None, int | None, int]:
        """Stories, candidates and their number, and how many boxes the rule alone leaves nothing for."""
        stories, named = self._rows(rule.when, stories=True), rule.then.named
        if named is None:
            return stories, None, None, 0
        if named.compares:
            return stories, None, *self._compared(rule, named, stories)
        candidates = self._rows(named)
        count = _count(candidates)
        sifted = {"leave_out": len(self.view) - count, "only": count}.get(rule.then.action)
        return stories, candidates, count, _count(stories) if sifted == 0 else 0

    def own_warnings(self, looked: _Looked) -> Iterator[str]:
        """What is odd about one rule."""
        rule, then = looked.rule, looked.rule.then
        if rule.until is not None and rule.until <= self.now:
            yield f"is over since {rule.until:%Y-%m-%d %H:%M} UTC"
        if not _count(looked.stories):
            yield f"when: matches no story{self._written_otherwise(rule.when)}"
        if looked.count == 0:
            lacking = " that has something to compare by" if _compares(rule) else ""
            written = "" if then.named is None else self._written_otherwise(then.named)
            yield f"{then.action}: matches no story{lacking}{written}"
        if then.pin is not None and self.view.locate(then.pin) is None:
            yield f"pin: no published story has the id {then.pin!r}"
        if then.ignore is not None:
            for name, field in (("section", "section"), ("tag", "tag"), ("author", "author")):
                for value in getattr(then.ignore, name):
                    if not _count(self._rows(Match.made(**{field: (value,)}))):
                        yield f"ignore: no story has the {name} {value!r}"
        if looked.emptied:
            yield f"leaves nothing for the boxes of {looked.emptied:,} stories: they show the newest in its place"

    def _written_otherwise(self, match: Match) -> str:
        """Which values there are that only the case tells from those of a match."""
        found = list[str]()
        for name, wanted in (named for part in match.parts() for named in part.named):
            known = {value for segment in self.view.segments for value in known_values(segment.table, name)}
            folded = {value.casefold() for value in wanted if value not in known}
            found += sorted(value for value in known if value.casefold() in folded)
        return f"; there is {', '.join(map(repr, found))}" if found else ""

    def at_odds(self, one: _Looked, other: _Looked) -> Iterator[str]:
        """How one rule conflicts with an earlier one, for stories that both match."""
        by_action = {one.rule.then.action: one, other.rule.then.action: other}
        first, second = one.rule.then, other.rule.then
        if first.pin is not None and second.pin is not None and first.position == second.position:
            yield f"{one.rule.name!r} pins another one at position {first.position}"
        if by_action.keys() == {"pin", "leave_out"}:
            pin, sifting = by_action["pin"].rule, by_action["leave_out"]
            if self._means(sifting, pin.then.pin or ""):
                yield f"{pin.name!r} pins what {sifting.rule.name!r} leaves out"
        if one.candidates is None or other.candidates is None:
            return
        meant = _count(_both(one.candidates, other.candidates))
        if by_action.keys() == {"prefer", "hold_back"} and meant:
            yield f"{one.rule.name!r} moves {meant:,} of its candidates the other way"
        if first.action == second.action == "only" and not meant:
            yield f"{one.rule.name!r} lets only others stand: nothing is left"
        if by_action.keys() == {"only", "leave_out"} and meant == by_action["only"].count:
            yield f"{one.rule.name!r} and this one together leave nothing"

    def _means(self, looked: _Looked, article_id: str) -> bool:
        place = self.view.locate(article_id)
        return place is not None and looked.candidates is not None and bool(looked.candidates[place[0]][place[1]])

    def _compared(self, rule: Rule, named: Match, stories: Masks) -> tuple[int | None, int]:
        """How many candidates a rule means on average, and for how many boxes it leaves nothing."""
        counts, emptied, total = list[int](), 0, _count(stories)
        places = [(number, row) for number, mask in enumerate(stories) for row in np.flatnonzero(mask).tolist()]
        step = max(1, len(places) // LOOKED_AT)
        for number, row in places[::step]:
            card = self.view.segments[number].table.card(row)
            match = Story.of(card, card.id, self.today).resolved(named)
            if match is None:
                continue
            rows = self._rows(match)
            rows[number][row] = False
            counts.append(_count(rows))
            left = {"leave_out": len(self.view) - 1 - counts[-1], "only": counts[-1]}.get(rule.then.action)
            emptied += left == 0
        share = total / max(1, len(places[::step]))
        return round(sum(counts) / len(counts)) if counts else 0, round(emptied * share)

    def _rows(self, match: Match, *, stories: bool = False) -> Masks:
        pairs = zip(self.view.segments, self.view.alive, strict=True)
        found = []
        for segment, alive in pairs:
            mask = matching(match, segment.table, None, self.today, stories=stories)
            found.append(mask if alive is None else mask & alive)
        return found


def _compares(rule: Rule) -> bool:
    return rule.then.named is not None and rule.then.named.compares


def _count(masks: Sequence[BoolArray]) -> int:
    return sum(int(np.count_nonzero(mask)) for mask in masks)


def _both(some: Masks, others: Masks) -> Masks:
    return [one & other for one, other in zip(some, others, strict=True)]
