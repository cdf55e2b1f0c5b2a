"""Fits the ranker's weights to judged queries, through the candidates that production ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recommend.errors import EvaluationError, UnknownArticleError
from recommend.evaluation.judgements import UNKNOWN, Qrels
from recommend.files import Kind, replace_file
from recommend.inspection import candidates_of
from recommend.ranking.calibration import Calibration
from recommend.ranking.candidates import FEATURES
from recommend.ranking.feature_weight import Bend, FeatureWeight
from recommend.ranking.features import comparable
from recommend.ranking.model import Ranker
from recommend.ranking.scores import standardise
from recommend.recommender import Recommender

FloatArray = NDArray[np.float32]

_PENALTY = 1e-3
_BORROWED = 0.05  # what a short query counts for the weights of long ones, and the other way round
_LEAST_FOR_LONG = {"context": 0.5}  # judgements on one-to-three-sentence items alone would let it go
_BENDS = {"dense": 0.81, "time_curve": 2.3, "days_log": -6.6}
_NOTHING = 1e-4
_FOREIGN_DENSE = 0.25
_BEND = 0.25
_Weights = NDArray[np.float64]
_Bends = Mapping[str, Bend]

BY_HAND = {
    "foreign_dense": f"{_FOREIGN_DENSE}: what stays of the dense weight in a language the encoder is not made for",
    **{name: f"at least {weight} for long articles" for name, weight in _LEAST_FOR_LONG.items()},
    "bend": "where weights under brief items may change: at "
    + ", ".join(f"{value} of {name}" for name, value in _BENDS.items()),
    "apart": "as for long articles: how they count where even the nearest have few words in common is not learned",
}
"""Weights that :func:`fit_ranker` does not learn, and what they are."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Candidates of q judged queries, padded to c each.

    Attributes:
        features: (q, c, f) float32, NaN where a feature says nothing.
        grades: (q, c) float32, NaN for padding and for unknown documents.
        length_weights: (q,) float64 of the queries, 0…1.
        probabilities: (q, c) float32, what the ranker in use says of each, NaN for padding.
    """

    features: FloatArray
    grades: FloatArray
    length_weights: NDArray[np.float64]
    probabilities: FloatArray

    @staticmethod
    def joined(parts: Sequence[Lists]) -> Lists:
        """Lists of several sets of articles as one."""
        width = max(part.grades.shape[1] for part in parts)

        def padded(array: FloatArray) -> FloatArray:
            missing = [(0, 0), (0, width - array.shape[1]), (0, 0)][: array.ndim]
            return np.pad(array, missing, constant_values=np.nan)

        return Lists(
            np.concatenate([padded(part.features) for part in parts]),
            np.concatenate([padded(part.grades) for part in parts]),
            np.concatenate([part.length_weights for part in parts]),
            np.concatenate([padded(part.probabilities) for part in parts]),
        )


def collect(
    recommender: Recommender, qrels: Qrels, *, unknown_days: float = 0.0, progress: Callable[[], None] = lambda: None
) -> Lists:
    """The candidates of every judged query that has a related one among them.

    Args:
        recommender: finds them.
        qrels: the judgements.
        unknown_days: candidates published less than so many days apart from the query are of unknown relation, for
            judgements that leave them out.
        progress: called after each query.

    Raises:
        EvaluationError: when there is no such query.
    """
    queries: list[tuple[FloatArray, FloatArray, float, FloatArray]] = []
    unit = recommender.view().snapshot.manifest.units[0]
    for query, grades in qrels.items():
        progress()
        try:
            ids, candidates, length_weight = candidates_of(recommender, query)
        except UnknownArticleError:
            continue
        judged = np.array([grades.get(article_id, 0) for article_id in ids], np.float32)
        judged[judged == UNKNOWN] = np.nan
        judged[np.expm1(-candidates.feature("days_log")) < unknown_days] = np.nan
        if np.nansum(judged) > 0:
            queries.append((comparable(candidates.features, unit), judged, length_weight, candidates.probabilities))
    if not queries:
        raise EvaluationError("no judged query has a related article among its candidates")
    width = max(len(judged) for _, judged, _, _ in queries)
    features = np.full((len(queries), width, len(FEATURES)), np.nan, np.float32)
    all_grades, probabilities = np.full((2, len(queries), width), np.nan, np.float32)
    for i, (values, judged, _, said) in enumerate(queries):
        features[i, : len(judged)] = values
        all_grades[i, : len(judged)] = judged
        probabilities[i, : len(judged)] = said
    return Lists(features, all_grades, np.array([length_weight for _, _, length_weight, _ in queries]), probabilities)


def save_ranker(ranker: Ranker, path: Path) -> None:
    """Writes a ranker as the JSON file that ``ranking.model`` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, f"{ranker.model_dump_json(indent=2)}\n".encode())


def _is_ranker(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        Ranker.model_validate_json(path.read_bytes())
    except ValidationError:
        return False
    return True


RANKER = Kind("a ranker", _is_ranker)


def fit_ranker(lists: Lists, held_out: Lists | None = None, steps: int = 1000, *, as_in_use: bool = False) -> Ranker:
    """The linear model that gives related candidates the most of a softmax over each query's list (ListNet; Cao et al.,
    ICML 2007), with non-negative weights that may change at a bend, and the curve that turns its scores into
    probabilities.

    Weights for short items and those for long ones are both fitted to all queries; either kind counts most for its
    own.

    Args:
        lists: to learn from.
        held_out: others, which tell the step that is kept; the last without them.
        steps: of the optimiser, at most.
        as_in_use: whether scores are to mean what those of the ranker in use mean, for judgements that name a small
            part of what is related, as links do; otherwise what the judgements say.

    Raises:
        EvaluationError: when the lists hold no unrelated candidate.
    """
    flat = lists.features.reshape(-1, lists.features.shape[2])
    mean, deviation = np.zeros(flat.shape[1]), np.ones(flat.shape[1])
    known_features = ~np.isnan(flat).all(axis=0)
    mean[known_features] = np.nanmean(flat[:, known_features], axis=0)
    deviation[known_features] = np.maximum(np.nanstd(flat[:, known_features], axis=0), 1e-3)
    known = ~np.isnan(lists.grades)
    length_weight = lists.length_weights
    knots = {name: (value - mean[i]) / deviation[i] for name, value in _BENDS.items() for i in [FEATURES.index(name)]}
    bends = {name: Bend(at=round(at, 4), short=1.0) for name, at in knots.items() if round(at, 4)}

    def fitted(
        part: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        least: Mapping[str, float],
        bends: _Bends,
    ) -> tuple[NDArray[np.float64], _Weights]:
        values = _standardised(lists, mean, deviation, bends)
        loss = _Loss(values, lists.grades, part(length_weight), bends)
        if held_out is None:
            return values, _weights(loss, None, least, bends, steps)
        later = _standardised(held_out, mean, deviation, bends)
        told_by = _Loss(later, held_out.grades, part(held_out.length_weights), bends)
        return values, _weights(loss, told_by, least, bends, steps)

    pieces, short = fitted(lambda weight: np.maximum(1 - weight, _BORROWED), {}, bends)
    standardised, weights = fitted(lambda weight: np.maximum(weight, _BORROWED), _LEAST_FOR_LONG, {})
    beyond = dict(zip(bends, short[len(FEATURES) :].tolist(), strict=True))
    features = {
        name: FeatureWeight(
            long=round(w, 4),
            short=round(b, 4),
            apart=round(w, 4),
            mean=round(m, 4),
            deviation=round(d, 4),
            bend=bends[name].scaled(round(beyond[name] - b, 4)) if name in bends else None,
        )
        for name, w, b, m, d in zip(
            FEATURES, weights.tolist(), short[: len(FEATURES)].tolist(), mean.tolist(), deviation.tolist(), strict=True
        )
        if max(w, b, beyond.get(name, 0.0)) > _NOTHING
    }
    scores = (1 - length_weight)[:, None] * (pieces @ short) + length_weight[:, None] * (standardised @ weights)
    return Ranker(
        features=features,
        foreign_dense=_FOREIGN_DENSE,
        calibration=calibrate(scores[known], lists.probabilities[known] if as_in_use else lists.grades[known] > 0),
    )


def _standardised(
    lists: Lists, mean: NDArray[np.float64], deviation: NDArray[np.float64], bends: _Bends
) -> NDArray[np.float64]:
    """(q, c, f + b) features up to their bends, and what they have beyond each of b."""
    standardised = np.stack([standardise(values, mean, deviation) for values in lists.features])
    places = [FEATURES.index(name) for name in bends]
    beyond = [bend.adds(standardised[:, :, place]) for place, bend in zip(places, bends.values(), strict=True)]
    for place, values in zip(places, beyond, strict=True):
        standardised[:, :, place] -= values
    return np.concatenate([standardised, *(values[:, :, None] for values in beyond)], axis=2)


class _Loss:
    """How badly weights fit grades (q, c) of features (q, c, f), queries counting by importance (q,). A weight beyond a
    bend costs by how far it is from that before it, so that it is the same where nothing tells of it."""

    def __init__(
        self,
        standardised: NDArray[np.float64],
        grades: FloatArray,
        importance: NDArray[np.float64],
        bends: _Bends,
    ) -> None:
        differences = np.eye(standardised.shape[2])
        for row, name in enumerate(bends, start=len(FEATURES)):
            differences[row, FEATURES.index(name)] = -1.0
        self._penalty = _PENALTY * differences.T @ differences
        self._features, self._known = standardised, ~np.isnan(grades)
        target = np.where(self._known, grades, 0.0)
        self._target = target / target.sum(axis=1, keepdims=True)
        self._part = importance / importance.sum()

    def __call__(self, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The loss and its slope (f,)."""
        scores = np.where(self._known, self._features @ weights, -np.inf)
        top = scores.max(axis=1, keepdims=True)
        shares = np.exp(scores - top)
        total = shares.sum(axis=1, keepdims=True)
        logs = np.where(self._known, scores - top - np.log(total), 0.0)
        slope = np.einsum("qc,qcf->f", self._part[:, None] * (shares / total - self._target), self._features)
        value = -float(self._part @ (self._target * logs).sum(axis=1)) + float(weights @ self._penalty @ weights)
        return value, slope + 2 * self._penalty @ weights


def _weights(loss: _Loss, held_out: _Loss | None, least: Mapping[str, float], bends: _Bends, steps: int) -> _Weights:
    """(f + b,) weights of least loss, or those on the way there whose loss on what is held out is least; ``least``
    holds lower bounds that are not 0."""
    from scipy.optimize import minimize

    bounds = [(least.get(name, 0.0), None) for name in FEATURES] + [(0.0, None)] * len(bends)
    start = np.maximum(np.full(len(bounds), 0.1), [low for low, _ in bounds])
    way = [start]
    solution = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        callback=lambda weights: way.append(np.array(weights)),
        options={"ftol": 1e-12, "maxiter": steps},
    )
    best = solution.x if held_out is None else min(way, key=lambda weights: held_out(weights)[0])
    return np.asarray(best, np.float64)


def calibrate(scores: NDArray[np.float64], related: NDArray[np.bool_ | np.floating]) -> Calibration:
    """The curve that fits scores (n,) to whether candidates are related, or with what probability (n,), bent where
    Platt's (1999) says _BEND.

    Raises:
        EvaluationError: when all candidates are related, or none is.
    """
    from sklearn.linear_model import LogisticRegression

    shares = related.astype(np.float64)
    if shares.min() == 1.0 or not shares.any():
        raise EvaluationError("the judgements must hold related and unrelated candidates")
    weights, is_related = np.concatenate([shares, 1 - shares]), np.repeat([True, False], len(scores))
    scores, is_related, weights = np.tile(scores, 2)[weights > 0], is_related[weights > 0], weights[weights > 0]
    straight = LogisticRegression(C=1e6).fit(scores[:, None], is_related, weights)
    knot = float((np.log(_BEND / (1 - _BEND)) - straight.intercept_[0]) / straight.coef_[0, 0])
    sides = np.column_stack([np.minimum(scores - knot, 0), np.maximum(scores - knot, 0)])
    bent = LogisticRegression(C=1e6).fit(sides, is_related, weights)
    below, above = np.maximum(bent.coef_[0], 0.0).tolist()
    return Calibration(
        knot=round(knot, 4), intercept=round(float(bent.intercept_[0]), 4), below=round(below, 4), above=round(above, 4)
    )
