"""Why one article is, or is not, in the box of another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from recommend.articles.article import released_until
from recommend.index.dates import MISSING
from recommend.index.query import Query
from recommend.ranking.candidates import FEATURES, Candidates, Place
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.features import contributions
from recommend.ranking.near_misses import near_misses
from recommend.ranking.pipeline import Selection
from recommend.ranking.sifting import touched


@dataclass(frozen=True, slots=True)
class Why:
    """How one article stands under another.

    Attributes:
        rank: in the box, 1 for the first; None when it is not there.
        place: among all candidates by score, before any rule, 1 for the first; None when no search brings it.
        candidates: how many there are.
        score: calibrated probability of being related, 0…1.
        explanation: per feature its value and what it adds to the ranking score.
        why: what put it there, or keeps it out, in plain words.
    """

    article_id: str
    other_id: str
    rank: int | None
    place: int | None
    candidates: int
    score: float
    explanation: dict[str, dict[str, float | None]]
    why: str


def explain_pair(
    selection: Selection, eligibility: Eligibility, query: Query, article_id: str, own: Place, other: Place, k: int
) -> Why:
    """How the article at ``other`` stands in the box of k under the one at ``own``, which makes the query."""
    number, row = other
    segment, scoring = selection.view.segments[number], selection.scoring
    other_id = segment.table.id(row)
    short = scoring.shortlist(query, own)
    one = scoring.scored(query, scoring.features(number, query, np.array([row])), short.means)
    allowed = eligibility.under(query, any_kind=True)
    ranked = selection.ranked(query, allowed, own, selection.settings.ranking.candidates, short)
    box = selection.choose(query, article_id, k, eligibility, short)
    shown, place = _position(box.candidates, other), _position(ranked, other)
    if own == other:
        verdict = "is the article itself"
    elif shown is not None:
        related = (
            "related: its score reaches the floor" if shown < box.related else "not related: it only fills the box"
        )
        verdict = "editors pinned it" if box.is_pinned(shown) else related
        names = touched(scoring, box)[shown]
        verdict += f"; by the rule {', '.join(map(repr, names))}" if names else ""
    elif (kept_out := _kept_out(eligibility, other)) is not None:
        verdict = kept_out
    else:
        missed = near_misses(selection, eligibility, query, article_id, one, box)
        verdict = missed[0].why if missed else "ranked lower"
    rank, among = (None if at is None else at + 1 for at in (shown, place))
    parts = contributions(one, 0, FEATURES)
    return Why(article_id, other_id, rank, among, len(ranked), round(float(one.probabilities[0]), 4), parts, verdict)


def _position(candidates: Candidates, place: Place) -> int | None:
    here = np.flatnonzero((candidates.segments == place[0]) & (candidates.rows == place[1]))
    return int(here[0]) if len(here) else None


def _kept_out(eligibility: Eligibility, place: Place) -> str | None:
    """Why an article may be shown nowhere, or not in answer to this request; None when it may."""
    number, row = place
    mask = eligibility.masks[number]
    if mask is None or mask[row]:
        return None
    table, now = eligibility.view.segments[number].table, eligibility.now
    hidden = eligibility.view.shown(number, now)
    if hidden is not None and not hidden[row]:
        until = eligibility.view.curations[table.id(row)].hidden_until
        assert until is not None
        return f"editors hide it until {until:%Y-%m-%d %H:%M} UTC"
    if table.timeline.has_expired(row, int(now)):
        return f"it expired on {datetime.fromtimestamp(int(table.expires_at[row]), UTC):%Y-%m-%d}"
    published = int(table.published_at[row])
    if published != MISSING and published > released_until(now):
        return f"its date is yet to come: {datetime.fromtimestamp(published, UTC):%Y-%m-%d %H:%M} UTC"
    return "does not pass the filters of the request"
