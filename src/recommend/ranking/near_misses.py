"""Why the ranking is as it is: what each feature adds, and why near misses are not shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking import exposure, near_duplicates, policy
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.giving_way import full_by, moved_by
from recommend.ranking.masks import Masks
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
    view: View,
    query: Query,
    ranked: Candidates,
    box: Chosen,
    rules: PolicySettings,
    *,
    blocked: frozenset[str] = frozenset(),
    readable: Masks,
    moment: int | None = None,
    preferred: bool = False,
    lifted: Place | None = None,
    public: bool = False,
) -> list[NearMiss]:
    """The best of ``ranked`` that are not in the box.

    Args:
        view: where the candidates are.
        query: what they were ranked for.
        ranked: best first, articles of any genre and language included.
        box: what is shown.
        rules: that chose it.
        blocked: ids that editors want not to be shown.
        readable: by segment (n,) which articles this reader may open; None where all.
        moment: of the query, by which ages count, in seconds since 1970.
        preferred: whether what is fresher came first, whatever its score.
        lifted: where the article is that this box prefers, see :func:`recommend.ranking.exposure.preferred`.
        public: whether anybody is told: not what editors blocked, nor what says something of a body that is not public.
    """
    if public and query.access != Access.PUBLIC:
        return []
    chosen = box.candidates
    told = rules.on and rules.fill != "related"  # whether those that only fill stand where they do for another reason
    ranked_by_score = np.array([not box.is_pinned(i) for i in range(len(chosen))], np.bool_)
    ranked_by_score[box.related if told else len(chosen) :] = False
    at_lifted = np.zeros(len(chosen), np.bool_) if lifted is None else exposure.is_at(chosen, lifted)
    lowest = chosen.scores[ranked_by_score & ~at_lifted].min(initial=np.inf)
    lowest_lifted = chosen.scores[ranked_by_score & at_lifted].min(initial=np.inf)
    shown = {(int(s), int(r)): n for n, (s, r) in enumerate(zip(chosen.segments, chosen.rows, strict=True), start=1)}
    places = [(int(s), int(r)) for s, r in zip(ranked.segments, ranked.rows, strict=True)]
    others = (i for i, place in enumerate(places) if place not in shown and not (public and _is_closed(view, *place)))
    missed = ranked.take(np.array([*islice(others, _MOST)], np.int64))
    both = Candidates.joined([missed, chosen])
    same, _ = near_duplicates.among(view, both, rules)
    alike = same[: len(missed), len(missed) :]
    repeats_query = near_duplicates.of_query(view, query, missed, rules) | (missed.groups == np.uint64(query.group))
    found = []
    for i, (number, row) in enumerate(missed.places):
        table = view.segments[number].table
        kinds = policy.unwanted(table, rules, query.genre, query.language, moment) if rules.on else {}
        broken = next((rule for rule, mask in kinds.items() if mask[row]), None)
        twins = np.flatnonzero(alike[i] | (chosen.groups == missed.groups[i]))
        decided = BLOCKED if table.id(row) in blocked else _ruled(view, box, (number, row))
        if decided is not None:
            why = decided
        elif broken == "age":
            why = "older than policy.max_age allows under this story"
        elif broken is not None:
            why = f"{broken} {table.value(broken, row)!r} does not belong under this story"
        elif rules.on and rules.hide_duplicates and repeats_query[i]:
            why = "tells the same as the article"
        elif rules.on and rules.hide_duplicates and len(twins):
            why = f"tells the same as number {twins[0] + 1}"
        elif told and missed.probabilities[i] < rules.floor:
            why = f"score below the floor of {rules.floor:g}"
        elif (
            rules.on
            and rules.readable
            and missed.scores[i] > lowest
            and (open_ := readable[number]) is not None
            and not open_[row]
        ):
            why = "gives way to one that this reader may open"
        elif missed.scores[i] > lowest:
            why = _passed_over(view, box, (number, row), rules, preferred=preferred)
        else:
            why = "gives way to one that no other box shows" if missed.scores[i] > lowest_lifted else "ranked lower"
        card = table.card(row)
        repeated = zip(chosen.segments[twins].tolist(), chosen.rows[twins].tolist(), strict=True)
        if public and (why == BLOCKED or why.startswith(RULED) or any(_is_closed(view, *place) for place in repeated)):
            continue
        found.append(NearMiss(card.id, card.title, round(float(missed.probabilities[i]), 4), why))
    return found


def _is_closed(view: View, segment: int, row: int) -> bool:
    return view.segments[segment].table.access(row) is not Access.PUBLIC


def _ruled(view: View, box: Chosen, place: Place) -> str | None:
    name = box.ruling.left_out_by(view, place)
    return None if name is None else f"{RULED} {name!r}"


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
