"""What another ranking would have been clicked, from the log of the one that was shown.

A click is taken to need a look at the position and an item worth it (the position-based model: Craswell et al., WSDM
2008). Then a click counts for another ranking as much more, or less, as that ranking would have had its item looked at
(Li et al., KDD 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.evaluation.impressions import ImpressionLog
from recommend.evaluation.ratios import ratio

Values = NDArray[np.float64]
SMALL = 100
"""Clicks, as many as the weighted ones are worth, below which an estimate is not to be relied on."""

_FOLDS = 5
_PRIOR_LOOKS = 10.0


@dataclass(frozen=True, slots=True)
class Value:
    """Clicks a look at the box, with a 95 % interval over days of articles."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What another ranking would have been clicked.

    Attributes:
        logged: what was clicked of the ranking that was shown.
        ips: inverse propensity scores: unbiased where the log had a chance to show everything.
        snips: the same, self-normalised (Swaminathan and Joachims, NIPS 2015): steadier, hardly biased.
        doubly_robust: a model of what is worth a click, corrected by the log (Oosterhuis, TOIS 2023): right where
            either is, also of what was never shown.
        effective: clicks that the weighted ones are worth; below 100, ``small``.
        covered: the share of the other ranking's examination that lies on items that were shown, 0…1.
        looks: looks at boxes that the estimates are over.
    """

    logged: Value
    ips: Value
    snips: Value
    doubly_robust: Value
    effective: float
    small: bool
    covered: float
    looks: int


def off_policy(
    log: ImpressionLog,
    ranking: Mapping[str, Sequence[str]],
    curve: Values,
    *,
    relevance: Callable[[str, str], float] | None = None,
) -> OffPolicy:
    """Estimates for a ranking that is no longer than the curve.

    Args:
        log: what was shown and clicked.
        ranking: the other ranking: items by article, best first. Looks under articles without one are left out.
        curve: (k,) how probable a look is at positions 1…k; of
            :func:`~recommend.evaluation.position_bias.examination`.
        relevance: a model of what is worth a click under an article, 0…1; None: the one that the log itself teaches,
            each look predicted from those of other days.
    """
    theta = np.concatenate([[0.0], np.asarray(curve, float), np.zeros(52)])  # by position; nothing is seen beyond
    first = {article: [*items[: len(curve)]] for article, items in ranking.items()}
    ranked = np.array([article in first for article in log.articles], bool)
    log = log.where(ranked[log.article])
    examined = _examined(log, first, theta)
    propensity = _propensity(log, theta)
    weights = np.divide(examined, propensity, out=np.zeros(len(log)), where=propensity > 0)
    looks = _Looks(log)
    shown, predicted = _direct_method(log, looks, first, theta, relevance)
    reach = np.array([theta[1 : 1 + len(first[log.articles[a]])].sum() for a in looks.article.tolist()], float)
    clicked, ones = log.clicked.astype(float), np.ones(len(looks))
    weighted = looks.sums(weights * clicked)
    covered, exposure = looks.sums(examined), looks.sums(weights * theta[log.position])
    scale = float(covered.sum()) / len(looks) if len(looks) else 0.0
    corrected = predicted + looks.sums(weights * (clicked - theta[log.position] * shown))
    effective = float((weights * clicked).sum() ** 2 / max(float(((weights * clicked) ** 2).sum()), 1e-12))
    return OffPolicy(
        _value(looks.sums(clicked), ones, looks.impression),
        _value(weighted, ones, looks.impression),
        _value(weighted * scale, exposure, looks.impression),
        _value(corrected, ones, looks.impression),
        effective,
        effective < SMALL,
        float(covered.sum() / reach.sum()) if reach.sum() else 0.0,
        len(looks),
    )


class _Looks:
    """The looks at boxes in a log: article and impression of each, and sums over its items."""

    def __init__(self, log: ImpressionLog) -> None:
        looks, first = np.unique(log.view, return_index=True)
        self._place = np.searchsorted(looks, log.view)
        self.impression, self.article = log.impression[first], log.article[first]

    def __len__(self) -> int:
        return len(self.article)

    def sums(self, values: Values) -> Values:
        """(looks,) sums of values (n,) of items."""
        return np.bincount(self._place, values, len(self)).astype(np.float64)


def _examined(log: ImpressionLog, ranking: Mapping[str, Sequence[str]], theta: Values) -> Values:
    """(n,) how probable a look at each item is where the other ranking has it; 0 where it does not show it."""
    places = {(a, item): i for a, items in ranking.items() for i, item in enumerate(items, start=1)}
    pairs = zip(log.article.tolist(), log.item.tolist(), strict=True)
    return theta[np.array([places.get((log.articles[a], log.items[i]), 0) for a, i in pairs], np.int64)]


def _propensity(log: ImpressionLog, theta: Values) -> Values:
    """(n,) how probable a look at each item was, over the random exchanges of the log."""
    stay = 1 - log.up - log.down
    return log.up * theta[log.base - 1] + stay * theta[log.base] + log.down * theta[log.base + 1]


def _direct_method(
    log: ImpressionLog,
    looks: _Looks,
    ranking: Mapping[str, Sequence[str]],
    theta: Values,
    relevance: Callable[[str, str], float] | None,
) -> tuple[Values, Values]:
    """(n,) what each shown item is worth a click by the model, and (looks,) the clicks it predicts for the other
    ranking."""
    model = _Taught(log, theta, log.impression % _FOLDS)
    shown = model.rows
    if relevance is not None:
        pairs = zip(log.article.tolist(), log.item.tolist(), strict=True)
        shown = np.array([relevance(log.articles[a], log.items[i]) for a, i in pairs], float)
    predicted = np.zeros(len(looks))
    cached: dict[tuple[int, int], float] = {}
    folds = (looks.impression % _FOLDS).tolist()
    for n, (article, fold) in enumerate(zip(looks.article.tolist(), folds, strict=True)):
        name = log.articles[article]
        if (article, fold) not in cached:
            cached[article, fold] = sum(
                float(theta[i]) * (model(name, item, fold) if relevance is None else relevance(name, item))
                for i, item in enumerate(ranking[name], start=1)
            )
        predicted[n] = cached[article, fold]
    return shown, predicted


class _Taught:
    """What is worth a click, as other folds of the log teach it: clicks over looks, drawn towards the mean of all. What
    was never shown is worth what is ranked last of what was."""

    def __init__(self, log: ImpressionLog, theta: Values, folds: NDArray[np.int64]) -> None:
        looked = theta[log.position]
        keys = zip(log.article.tolist(), log.item.tolist(), folds.tolist(), looked.tolist(), log.clicked.tolist(),
                   strict=True)  # fmt: skip
        sums: dict[tuple[str, str], Values] = {}
        for article, item, fold, look, click in keys:
            held = sums.setdefault((log.articles[article], log.items[item]), np.zeros((2, _FOLDS)))
            held[0, fold] += click
            held[1, fold] += look
        self._sums = sums
        self._mean = _rate(log.clicked, looked)
        deepest = log.base == log.base.max(initial=0)
        self._unseen = _rate(log.clicked[deepest], looked[deepest])
        self.rows = np.array(
            [self(log.articles[a], log.items[i], f)
             for a, i, f in zip(log.article.tolist(), log.item.tolist(), folds.tolist(), strict=True)], float,
        )  # fmt: skip

    def __call__(self, article: str, item: str, fold: int) -> float:
        held = self._sums.get((article, item))
        if held is None:
            return self._unseen
        clicks, looks = held.sum(1) - held[:, fold]
        return float((clicks + _PRIOR_LOOKS * self._mean) / (looks + _PRIOR_LOOKS))


def _rate(clicked: NDArray[np.bool_], looked: Values) -> float:
    whole = float(looked.sum())
    return float(clicked.sum()) / whole if whole else 0.0


def _value(tops: Values, bottoms: Values, cluster: NDArray[np.int64]) -> Value:
    estimate = ratio(tops, bottoms, cluster)
    return Value(estimate.value, *estimate.interval())
