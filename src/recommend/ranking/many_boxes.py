"""The boxes under many articles, of which some is computed for many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recommend.index.lists import LISTED
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.box import related_box
from recommend.ranking.ranking import Ranking

_AT_ONCE = 1_024


def many_boxes(ranking: Ranking, view: View, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
    """The boxes of k under articles of a view that has all its rows at hand; None for an id that is none of them."""
    selection, eligibility = ranking.selection(view), ranking.eligibility(view)
    scoring, kept = selection.scoring, ranking.ready
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        places = {one: place for one in some if (place := view.locate(one)) is not None}
        queries = {one: view.segments[number].query(row) for one, (number, row) in places.items()}
        listed = places.items() if k <= LISTED else ()
        ready = {one: kept.read(scoring, queries[one], place) for one, place in listed}
        lacking = [one for one in places if ready.get(one) is None]
        asked, owns = [queries[one] for one in lacking], [places[one] for one in lacking]
        ready |= zip(lacking, scoring.shortlists(asked, owns), strict=True)
        for one in some:
            known = one in queries
            yield related_box(selection, eligibility, queries[one], one, k, ready=ready[one]) if known else None
