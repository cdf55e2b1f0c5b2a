"""Why the ranking is as it is: what each feature adds, and why near misses are not shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import near_duplicates
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.displacing_rules import full_by, moved_by
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.exposure import is_at, preferred
from recommend.ranking.pipeline import Selection
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]

BLOCKED = "blocked by editors"
RULED = "gives way to the rule"
_MOST = 10


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An article that is not shown although it ranks high.

    Attributes:
        score: calibrated probability of being related, 0…1.
        why: the rule that left it out, in plain words.
    """

    id: str
    title: str
    score: float
    why: str


def near_misses(
    selection: Selection,
    eligibility: Eligibility,
    query: Query,
    article_id: str | None,
    ranked: Candidates,
    box: Chosen,
    *,
    public: bool = False,
) -> list[NearMiss]:
    """The best of ``ranked`` that are not in the box.

    Args:
        selection: chose the box.
        eligibility: of the request.
        query: what they were ranked for.
        article_id: of the article whose box it is; None for a draft without one.
        ranked: best first, articles of any genre and language included.
        box: what is shown.
        public: whether anybody is told: not what editors blocked, nor what says something of a body that is not public.
    """
    view = selection.view
    if public and query.access != Access.PUBLIC:
        return []
    shown = set(box.candidates.places)
    others = (
        i for i, place in enumerate(ranked.places) if place not in shown and not (public and _is_closed(view, *place))
    )
    missed = ranked.take(np.array([*islice(others, _MOST)], np.int64))
    comparison = _Comparison.of(selection, eligibility, query, article_id, missed, box)
    misses = []
    for i, place in enumerate(missed.places):
        why = comparison.why(i, place)
        if public and (why == BLOCKED or why.startswith(RULED) or comparison.repeats_closed(i)):
            continue
        card = view.segments[place[0]].table.card(place[1])
        misses.append(NearMiss(card.id, card.title, round(float(missed.probabilities[i]), 4), why))
    return misses


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Articles that are not in a box, beside those that are.

    Attributes:
        missed: m candidates that are not in it.
        unwanted: by segment and rule of policy, which rows (n,) the rule leaves out under the query.
        same: (m, shown) whether one tells the same as one that is shown; ``repeats`` (m,) as the query does.
        lowest: the lowest score that is shown for itself; ``lowest_lifted`` of what no other box shows.
    """

    view: View
    eligibility: Eligibility
    rules: PolicySettings
    missed: Candidates
    box: Chosen
    blocked: frozenset[str]
    unwanted: Mapping[int, Mapping[str, BoolArray]]
    same: BoolArray
    repeats: BoolArray
    lowest: float
    lowest_lifted: float

    @classmethod
    def of(
        cls,
        selection: Selection,
        eligibility: Eligibility,
        query: Query,
        article_id: str | None,
        missed: Candidates,
        box: Chosen,
    ) -> _Comparison:
        view, rules, chosen = selection.view, selection.settings.policy, box.candidates
        alike, _ = near_duplicates.among(view, Candidates.joined([missed, chosen]), rules)
        repeats = near_duplicates.of_query(view, query, missed, rules) | (missed.groups == np.uint64(query.group))
        by_score = np.array([not box.is_pinned(i) for i in range(len(chosen))], np.bool_)
        by_score[box.related if _fills(rules) else len(chosen) :] = False
        place = None if article_id is None else view.locate(article_id)
        lifted = preferred(view, place, rules)
        at_lifted = np.zeros(len(chosen), np.bool_) if lifted is None else is_at(chosen, lifted)
        return cls(
            view, eligibility, rules, missed, box,
            blocked=eligibility.curated(article_id)[1],
            unwanted={
                number: eligibility.unwanted(number, query)
                for number in {number for number, _ in missed.places}
                if rules.on
            },
            same=alike[: len(missed), len(missed) :] | (missed.groups[:, None] == chosen.groups),
            repeats=repeats,
            lowest=float(chosen.scores[by_score & ~at_lifted].min(initial=np.inf)),
            lowest_lifted=float(chosen.scores[by_score & at_lifted].min(initial=np.inf)),
        )  # fmt: skip

    def repeats_closed(self, i: int) -> bool:
        """Whether one tells the same as one that is shown and whose body is not public."""
        return any(_is_closed(self.view, *place) for place in self.box.candidates.take(self.same[i]).places)

    def why(self, i: int, place: Place) -> str:
        """The rule that leaves one out, which is at a place, in plain words."""
        return self._decided(place) or self._left_out(place) or self._repeated(i) or self._outranked(i, place)

    def _decided(self, place: Place) -> str | None:
        number, row = place
        if self.view.segments[number].table.id(row) in self.blocked:
            return BLOCKED
        name = self.box.ruling.left_out_by(self.view, place)
        return None if name is None else f"{RULED} {name!r}"

    def _left_out(self, place: Place) -> str | None:
        number, row = place
        broken = next((rule for rule, mask in self.unwanted.get(number, {}).items() if mask[row]), None)
        if broken is None:
            return None
        if broken == "age":
            return "older than policy.max_age allows under this story"
        return f"{broken} {self.view.segments[number].table.value(broken, row)!r} does not belong under this story"

    def _repeated(self, i: int) -> str | None:
        if not (self.rules.on and self.rules.hide_duplicates):
            return None
        if self.repeats[i]:
            return "tells the same as the article"
        twins = np.flatnonzero(self.same[i])
        return f"tells the same as number {twins[0] + 1}" if len(twins) else None

    def _outranked(self, i: int, place: Place) -> str:
        score = self.missed.scores[i]
        if _fills(self.rules) and self.missed.probabilities[i] < self.rules.floor:
            return f"score below the floor of {self.rules.floor:g}"
        if score <= self.lowest:
            return "gives way to one that no other box shows" if score > self.lowest_lifted else "ranked lower"
        number, row = place
        readable = self.eligibility.readable[number]
        if self.rules.on and self.rules.readable and readable is not None and not readable[row]:
            return "gives way to one that this reader may open"
        return _passed_over(self.view, self.box, place, self.rules, preferred=self.eligibility.prefer != "any")


def _fills(rules: PolicySettings) -> bool:
    """Whether what only fills a box stands there for another reason than its score."""
    return rules.on and rules.fill != "related"


def _is_closed(view: View, segment: int, row: int) -> bool:
    return view.segments[segment].table.access(row) is not Access.PUBLIC


def _passed_over(view: View, box: Chosen, place: Place, rules: PolicySettings, *, preferred: bool) -> str:
    """Why one that scores higher than some that are shown is not."""
    if names := full_by(view, box, place):
        return f"{RULED} {_any_of(names)}"
    if names := moved_by(view, box, place):
        return f"{RULED} {_any_of(names)}, or is too like another one"
    if preferred:
        return "gives way to a fresher one" + (" or one less like the others" if rules.diversity else "")
    return "too like another one that is shown"


def _any_of(names: list[str]) -> str:
    return " or ".join(map(repr, names))
