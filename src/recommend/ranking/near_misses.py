"""Why the ranking is as it is: what each feature adds, and why near misses are not shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import near_duplicates, policy
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
    for i, (number, row) in enumerate(missed.places):
        why, repeated = comparison.why(i), box.candidates.take(comparison.twins(i)).places
        if public and (why == BLOCKED or why.startswith(RULED) or any(_is_closed(view, *place) for place in repeated)):
            continue
        card = view.segments[number].table.card(row)
        misses.append(NearMiss(card.id, card.title, round(float(missed.probabilities[i]), 4), why))
    return misses


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Articles that are not in a box, beside those that are.

    Attributes:
        missed: m candidates that are not in it.
        same: (m, shown) whether one tells the same as one that is shown; ``repeats`` (m,) as the query does.
        lowest: the lowest score that is shown for itself; ``lowest_lifted`` of what no other box shows.
    """

    view: View
    query: Query
    eligibility: Eligibility
    rules: PolicySettings
    missed: Candidates
    box: Chosen
    blocked: frozenset[str]
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
            view, query, eligibility, rules, missed, box,
            blocked=eligibility.curated(article_id)[1],
            same=alike[: len(missed), len(missed) :] | (missed.groups[:, None] == chosen.groups),
            repeats=repeats,
            lowest=float(chosen.scores[by_score & ~at_lifted].min(initial=np.inf)),
            lowest_lifted=float(chosen.scores[by_score & at_lifted].min(initial=np.inf)),
        )  # fmt: skip

    def twins(self, i: int) -> NDArray[np.int64]:
        """Places in the box of those that tell the same."""
        return np.flatnonzero(self.same[i])

    def why(self, i: int) -> str:
        """The rule that leaves one out, in plain words."""
        return self._decided(i) or self._unwanted(i) or self._repeated(i) or self._outranked(i)

    def _decided(self, i: int) -> str | None:
        number, row = place = self.missed.places[i]
        if self.view.segments[number].table.id(row) in self.blocked:
            return BLOCKED
        name = self.box.ruling.left_out_by(self.view, place)
        return None if name is None else f"{RULED} {name!r}"

    def _unwanted(self, i: int) -> str | None:
        if not self.rules.on:
            return None
        number, row = self.missed.places[i]
        table, moment = self.view.segments[number].table, self.eligibility.moment(self.query)
        kinds = policy.unwanted(table, self.rules, self.query.genre, self.query.language, moment)
        broken = next((rule for rule, mask in kinds.items() if mask[row]), None)
        if broken == "age":
            return "older than policy.max_age allows under this story"
        return None if broken is None else f"{broken} {table.value(broken, row)!r} does not belong under this story"

    def _repeated(self, i: int) -> str | None:
        if not (self.rules.on and self.rules.hide_duplicates):
            return None
        if self.repeats[i]:
            return "tells the same as the article"
        twins = self.twins(i)
        return f"tells the same as number {twins[0] + 1}" if len(twins) else None

    def _outranked(self, i: int) -> str:
        score = self.missed.scores[i]
        if _fills(self.rules) and self.missed.probabilities[i] < self.rules.floor:
            return f"score below the floor of {self.rules.floor:g}"
        if score <= self.lowest:
            return "gives way to one that no other box shows" if score > self.lowest_lifted else "ranked lower"
        number, row = place = self.missed.places[i]
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
