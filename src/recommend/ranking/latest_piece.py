"""Of the pieces of one running story only the latest, where a rule of editors wants that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.index.dates import MISSING
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.evidence import evidence_under
from recommend.ranking.listed_reasons import ListedReasons
from recommend.ranking.near_duplicates import published
from recommend.ranking.reasons import kind_and_terms, near_enough
from recommend.ranking.same_story import KINDS, superseded
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]

_MOST = 64  # of a search that is filtered; what is related stands above


@dataclass(frozen=True, slots=True)
class Latest:
    """What is left of a story.

    Attributes:
        candidates: without its earlier pieces.
        place: of the one that stays; None where nothing gave way to it.
        gone: how many did.
    """

    candidates: Candidates
    place: Place | None = None
    gone: int = 0


def latest_piece(
    view: View, query: Query, ranked: Candidates, rules: PolicySettings, reasons: ListedReasons | None
) -> Latest:
    """The candidates, best first, in which of those that a reason calls the query's own story only the newest is left.

    Args:
        view: where they are.
        query: of the story under which the box stands.
        ranked: under it.
        rules: of policy, that reasons look at.
        reasons: those that need not be computed.
    """
    same = np.flatnonzero(_of_story(view, query, ranked.first(_MOST), rules, reasons))
    if len(same) < 2:
        return Latest(ranked)
    gone = superseded(np.zeros(len(same), np.int64), published(view, ranked.take(same)))
    (newest,) = same[~gone].tolist()
    place = int(ranked.segments[newest]), int(ranked.rows[newest])
    return Latest(ranked.take(np.delete(np.arange(len(ranked)), same[gone])), place, int(gone.sum()))


def _of_story(
    view: View, query: Query, ranked: Candidates, rules: PolicySettings, reasons: ListedReasons | None
) -> BoolArray:
    found, unknown = np.zeros(len(ranked), np.bool_), list[int]()
    if query.published_at == MISSING:
        return found
    for i, moment in enumerate(published(view, ranked).tolist()):
        if moment == MISSING or not near_enough(moment - query.published_at, float(ranked.probabilities[i])):
            continue
        number, row = int(ranked.segments[i]), int(ranked.rows[i])
        known = None if reasons is None or number else reasons.get(row, "", "")
        if known is None:
            unknown.append(i)
        else:
            found[i] = known[0] in KINDS
    for i, one in zip(unknown, evidence_under(view, query, ranked, unknown, rules), strict=True):
        found[i] = kind_and_terms(one, query.language)[0] in KINDS
    return found
