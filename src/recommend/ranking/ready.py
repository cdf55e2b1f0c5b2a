"""Precomputed shortlists (ready lists): written by a re-index, read when a box is requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from recommend.index.gathered import Gathered
from recommend.index.lists import LISTED, REASONED, Lists, ReadyLists, block_rows, lists_folder, lists_type
from recommend.index.query import Query
from recommend.index.snapshot.layout import EXPOSURE
from recommend.index.snapshot.open import Snapshot
from recommend.index.view import View
from recommend.ranking import duplicates_by_list, listed_reasons, near_duplicates, repeats
from recommend.ranking.candidates import FEATURES, Candidates, Place
from recommend.ranking.evidence import evidence_under
from recommend.ranking.filtering import SPARE
from recommend.ranking.listed_reasons import ListedReasons
from recommend.ranking.model import Ranker
from recommend.ranking.policy import first_of_groups, marginal
from recommend.ranking.reasons import kind_and_terms
from recommend.ranking.repeats import Repeats
from recommend.ranking.shortlist import Scoring, Shortlist
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]

_AT_ONCE = 1_024
_FORMAT = 8  # another one when lists are made otherwise
_TOLD_BY = {"duplicate_dense", "duplicate_lexical", "update_lexical"}
_DENSE, _LEXICAL = FEATURES.index("dense"), FEATURES.index("lexical")


def ready_lists(scoring: Scoring, rules: PolicySettings) -> ReadyLists:
    """The lists of the snapshot of a view, by the settings and the ranker of its scoring; of the policy's rules those
    count that reasons look at."""
    snapshot = scoring.view.snapshot
    manifest = snapshot.manifest.model_dump(mode="json")
    manifest["sha256"].pop(EXPOSURE, None)  # made of the lists
    folder = lists_folder(snapshot.layout, snapshot.manifest.name, _decides(scoring, rules, manifest))
    return ReadyLists(folder, snapshot.segment.table.timeline, len(FEATURES))


def made_by(scoring: Scoring, rules: PolicySettings) -> bytes:
    """A digest of everything besides the articles that ready lists depend on."""
    return blake2b(_decides(scoring, rules), digest_size=8).digest()


def _decides(scoring: Scoring, rules: PolicySettings, *others: object) -> bytes:
    settings = scoring.settings.model_dump(mode="json")
    told_by = rules.model_dump(mode="json", include=_TOLD_BY)
    rankers = [_told(ranker) for ranker in (scoring.ranker, scoring.foreign)]
    decides = [_FORMAT, LISTED, FEATURES, version("related-articles"), settings, told_by, rankers, *others]
    return orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)


def _told(ranker: Ranker) -> object:
    return ranker.model_dump(mode="json")


class _Lists(Protocol):
    def get(self, row: int) -> Any:
        """The list of an article, None when it is not there."""


@dataclass(frozen=True)
class _ElsewhereLists:
    """Lists that lie where the articles do; in each, rows are those at hand, -1 of what is gone there."""

    segment: Gathered
    made_by: bytes

    def get(self, row: int) -> Any:
        content = self.segment.ready(row, self.made_by)
        if not content:
            return None
        one = np.frombuffer(content, lists_type(len(FEATURES))).copy()[0]
        one["rows"] = self.segment.rows_of(one["rows"])
        return one


def read_shortlist(scoring: Scoring, lists: _Lists, language: str | None, place: Place) -> Shortlist | None:
    """The shortlist of the article at a place, None when it is not ready; of its candidates' features only those are
    known that policy and reasons look at."""
    if place[0] != 0:
        return None
    stored = lists.get(place[1])
    if stored is None:
        return None
    count = int(stored["count"])
    rows = stored["rows"][:count].astype(np.int64)
    features = np.full((count, len(FEATURES)), np.nan, np.float32)
    features[:, _DENSE], features[:, _LEXICAL] = stored["dense"][:count], stored["lexical"][:count]
    scores = np.array(stored["scores"][:count])
    candidates = Candidates(
        np.zeros(count, np.int32),
        rows,
        scoring.view.segments[0].groups[rows],
        features,
        np.zeros_like(features),
        scores,
        scoring.ranker_of(language).calibration.probabilities(scores),
    )
    listed, there = rows.tolist(), rows >= 0
    reasons, same = ListedReasons(listed, stored), Repeats.read(stored, listed)
    means, whole = stored["means"].astype(np.float64), bool(stored["exhaustive"])
    some = candidates if there.all() else candidates.take(there)
    return Shortlist(some, means, whole, reasons=reasons, repeats=same)


class ReadyShortlists:
    """The shortlists that are ready for the snapshot of a view, opened once for each snapshot."""

    def __init__(self, rules: PolicySettings) -> None:
        self._rules = rules
        self._opened: tuple[Snapshot, ReadyLists] | None = None
        self._made_by: tuple[Snapshot, bytes] | None = None

    def lists(self, scoring: Scoring) -> ReadyLists:
        """See :func:`ready_lists`."""
        snapshot, opened = scoring.view.snapshot, self._opened
        if opened is None or opened[0] is not snapshot:
            opened = self._opened = snapshot, ready_lists(scoring, self._rules)
        return opened[1]

    def has(self, scoring: Scoring, place: Place) -> bool:
        """Whether the shortlist of the article at a place is ready."""
        return place[0] == 0 and self.lists(scoring).has(place[1])

    def read(self, scoring: Scoring, query: Query, place: Place) -> Shortlist | None:
        """The shortlist of the article at a place, which makes a query, None where it is to be computed."""
        segment = scoring.view.segments[0]
        if not isinstance(segment, Gathered):
            return read_shortlist(scoring, self.lists(scoring), query.language, place)
        snapshot, known = scoring.view.snapshot, self._made_by
        if known is None or known[0] is not snapshot:
            known = self._made_by = snapshot, made_by(scoring, self._rules)
        shortlist = read_shortlist(scoring, _ElsewhereLists(segment, known[1]), query.language, place)
        return None if shortlist is None else scoring.with_brought(query, shortlist)


def make_block(scoring: Scoring, rules: PolicySettings, number: int) -> Lists:
    """The lists of a block's articles, as they are made when they are asked for."""
    segment = scoring.view.segments[0]
    rows = block_rows(segment.table.timeline, number)
    block = np.zeros(len(rows), lists_type(len(FEATURES)))
    for start in range(0, len(rows), _AT_ONCE):
        some, lists = rows[start : start + _AT_ONCE], block[start : start + _AT_ONCE]
        queries = [segment.query(row) for row in some.tolist()]
        shortlists = scoring.shortlists(queries, [(0, row) for row in some.tolist()])
        shorts = [short.listed() for short in shortlists]
        for one, short in zip(lists, shorts, strict=True):
            _list(one, short)
        of_query, among = duplicates_by_list.of_lists(scoring.view, rules, some, lists)
        repeats.write(lists, of_query, among)
        for place, (one, query, short) in enumerate(zip(lists, queries, shorts, strict=True)):
            _tell(
                one, scoring.view, rules, query, short.candidates, [flags[place] for flags in of_query], among[0][place]
            )
    return block


def _list(one: Any, short: Shortlist) -> None:
    found, count = short.candidates, len(short.candidates)
    one["count"], one["exhaustive"], one["means"] = count, short.exhaustive, short.means
    one["rows"][:count], one["scores"][:count] = found.rows, found.scores
    one["dense"][:count], one["lexical"][:count] = found.features[:, _DENSE], found.features[:, _LEXICAL]


def _tell(
    one: Any,
    view: View,
    rules: PolicySettings,
    query: Query,
    found: Candidates,
    of_query: Sequence[BoolArray],
    same: BoolArray,
) -> None:
    """Writes the reasons of the first candidates into a list."""
    count = len(found)
    copies, updates = (flags[:count] for flags in of_query)
    related = found.first(int(np.count_nonzero(found.probabilities >= rules.floor)))
    repeating = near_duplicates.superseded(view, query, found, copies, updates)
    places = _shown_first(rules, query, related, repeating, same[:count, :count])
    newer = updates[places] & ~repeating[places] if places else updates[:0]
    evidence = evidence_under(view, query, found, places, rules, newer.tolist())
    reasons = [kind_and_terms(each, query.language) for each in evidence]
    headlines = [view.segments[0].table.headline(row) for row in found.rows[places].tolist()]
    listed_reasons.write(one, places, reasons, headlines, query.headline)


def _shown_first(
    rules: PolicySettings, query: Query, related: Candidates, repeating: BoolArray, same: BoolArray
) -> list[int]:
    """Places of those related candidates that boxes are likely to show: the best that tell nothing twice, of all that
    are ``repeating`` (n,) the query, or the ``same`` (n, n). Of others no box says why, they fill it."""
    if not (rules.on and rules.hide_duplicates):
        return list(range(min(len(related), REASONED)))
    groups = np.array([query.group], np.uint64)
    fresh = first_of_groups(np.concatenate([groups, related.groups]))[1:]
    places = np.flatnonzero(fresh & ~repeating[: len(related)])[: REASONED + SPARE]
    best = marginal(related.take(places), None, same[np.ix_(places, places)], REASONED, 0.0)
    chosen: list[int] = places[best].tolist()
    return chosen
