"""Shortlists that were made before they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import orjson

from recommend.index.lists import LISTED, Lists, ReadyLists, block_rows, lists_folder, lists_type
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.model import Ranker
from recommend.ranking.shortlist import Place, Scoring, Shortlist

_FORMAT = 1  # another one when lists are made otherwise
_DENSE, _LEXICAL = FEATURES.index("dense"), FEATURES.index("lexical")


def ready_lists(scoring: Scoring) -> ReadyLists:
    """The lists of the snapshot of a view, by the settings and the ranker of its scoring."""
    snapshot = scoring.view.snapshot
    settings = scoring.settings.model_dump(mode="json", exclude={"as_of"})
    rankers = [_told(ranker) for ranker in (scoring.ranker, scoring.foreign)]
    manifest = snapshot.manifest.model_dump(mode="json")
    decides = orjson.dumps(
        [_FORMAT, LISTED, FEATURES, version("related-articles"), settings, rankers, manifest],
        option=orjson.OPT_SORT_KEYS,
    )
    folder = lists_folder(snapshot.layout, snapshot.manifest.name, decides)
    return ReadyLists(folder, snapshot.segment.table.timeline, len(FEATURES))


def _told(ranker: Ranker) -> object:
    return ranker.model_dump(mode="json")


def read_shortlist(scoring: Scoring, lists: ReadyLists, language: str | None, place: Place) -> Shortlist | None:
    """The shortlist of the article at a place, None when it is not ready; of its candidates' features only those are
    known that policy and reasons look at."""
    if place[0] != 0:
        return None
    found = lists.get(place[1])
    if found is None:
        return None
    count = int(found["count"])
    rows = found["rows"][:count].astype(np.int64)
    features = np.full((count, len(FEATURES)), np.nan, np.float32)
    features[:, _DENSE], features[:, _LEXICAL] = found["dense"][:count], found["lexical"][:count]
    scores = np.array(found["scores"][:count])
    candidates = Candidates(
        np.zeros(count, np.int32),
        rows,
        scoring.view.segments[0].groups[rows],
        features,
        np.zeros_like(features),
        scores,
        scoring.ranker_of(language).calibration.probabilities(scores),
    )
    return Shortlist(candidates, found["means"].astype(np.float64), bool(found["exhaustive"]))


def make_block(scoring: Scoring, number: int) -> Lists:
    """The lists of a block's articles, one after the other, as they are made when they are asked for."""
    segment = scoring.view.segments[0]
    rows = block_rows(segment.table.timeline, number).tolist()
    queries = scoring.looked_up([segment.query(row) for row in rows])
    return _block([scoring.shortlist(query, (0, row)).listed() for query, row in zip(queries, rows, strict=True)])


def _block(shortlists: Sequence[Shortlist]) -> Lists:
    block = np.zeros(len(shortlists), lists_type(len(FEATURES)))
    for one, short in zip(block, shortlists, strict=True):
        found, count = short.candidates, len(short.candidates)
        one["count"], one["exhaustive"], one["means"] = count, short.exhaustive, short.means
        one["rows"][:count], one["scores"][:count] = found.rows, found.scores
        one["dense"][:count], one["lexical"][:count] = found.features[:, _DENSE], found.features[:, _LEXICAL]
    return block
