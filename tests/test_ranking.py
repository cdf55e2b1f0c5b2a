"""Scoring: pure functions on arrays."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommend.bundled import bundled
from recommend.errors import SettingsError
from recommend.ranking import FEATURES, Candidates, FeatureWeight, Ranker, nearness, score, standardise
from recommend.table import MISSING

VALUES = st.floats(-1, 1, width=32) | st.just(np.nan)
FEATURE_ARRAYS = st.integers(1, 20).flatmap(lambda n: arrays(np.float32, (n, len(FEATURES)), elements=VALUES))
MEAN, DEVIATION = np.array([0.3, 0.1, 0.1]), np.array([0.15, 0.1, 0.25])


def candidates_of(features: NDArray[np.float32]) -> Candidates:
    rows = np.arange(len(features))
    return Candidates.of(0, rows, rows.astype(np.uint64), features)


def ranker_of(dense: float = 1.0, lexical: float = 1.0, time: float = 0.5, prior: float = 5.0) -> Ranker:
    weights = dict(zip(FEATURES, (dense, lexical, time), strict=True))
    return Ranker(
        features={
            name: FeatureWeight(weight=weights[name], mean=m, deviation=d)
            for name, m, d in zip(FEATURES, MEAN.tolist(), DEVIATION.tolist(), strict=True)
        },
        time_scale=30.0,
        prior=prior,
        slope=2.0,
        intercept=-1.0,
    )


@given(FEATURE_ARRAYS)
def test_a_feature_that_says_nothing_neither_helps_nor_harms(features: NDArray[np.float32]) -> None:
    standardised = standardise(features, MEAN, DEVIATION, 5.0)
    assert np.isfinite(standardised).all()
    assert (standardised[np.isnan(features)] == 0).all()
    for column in range(features.shape[1]):
        known = ~np.isnan(features[:, column])
        alone = standardise(features[known], MEAN, DEVIATION, 5.0)[:, column]
        np.testing.assert_allclose(standardised[known, column], alone, atol=1e-9)


def test_standardising_many_candidates_is_the_z_score_and_few_lean_on_the_general_one() -> None:
    many = np.random.default_rng(1).normal(5.0, 2.0, (100_000, 3)).astype(np.float32)
    z = standardise(many, MEAN, DEVIATION, 5.0)
    np.testing.assert_allclose(z, (many - many.mean(0)) / many.std(0), atol=0.01)
    one = standardise(np.array([[0.6, 0.1, np.nan]], np.float32), MEAN, DEVIATION, 1e9)
    np.testing.assert_allclose(one, [[2.0, 0.0, 0.0]], atol=1e-3)
    five = np.array([[0.30], [0.31], [0.32], [0.33], [0.34]], np.float32)
    stretched = standardise(five, MEAN[:1], DEVIATION[:1], 0.0)
    shrunk = standardise(five, MEAN[:1], DEVIATION[:1], 5.0)
    assert np.ptp(shrunk) < np.ptp(stretched) / 3


@given(FEATURE_ARRAYS, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_come_changes_no_score(features: NDArray[np.float32], random: object) -> None:
    order = np.arange(len(features))
    random.shuffle(order)  # type: ignore[attr-defined]
    scored = score(candidates_of(features), ranker_of())
    shuffled = score(candidates_of(features[order]), ranker_of())
    np.testing.assert_allclose(shuffled.scores, scored.scores[order], atol=1e-4)
    np.testing.assert_array_equal(shuffled.features, features[order])


@given(FEATURE_ARRAYS, st.integers(0, len(FEATURES) - 1))
def test_with_a_positive_weight_more_of_a_feature_is_never_worse(features: NDArray[np.float32], column: int) -> None:
    twin = np.vstack([features, features[:1]])
    twin[0, column], twin[-1, column] = 0.25, 0.75
    scored = score(candidates_of(twin), ranker_of())
    assert scored.scores[-1] > scored.scores[0]
    assert scored.probabilities[-1] >= scored.probabilities[0]


@given(FEATURE_ARRAYS)
def test_contributions_add_up_to_the_score_and_probabilities_follow_it(features: NDArray[np.float32]) -> None:
    scored = score(candidates_of(features), ranker_of())
    np.testing.assert_allclose(scored.contributions.sum(axis=1), scored.scores, atol=1e-5)
    np.testing.assert_allclose(scored.probabilities, 1 / (1 + np.exp(-(2.0 * scored.scores - 1.0))), rtol=1e-5)
    assert (np.argsort(scored.scores, kind="stable") == np.lexsort((np.arange(len(scored)), scored.scores))).all()


def test_a_feature_that_the_ranker_does_not_name_does_not_count() -> None:
    ranker = ranker_of()
    only_dense = ranker.model_copy(update={"features": {"dense": ranker.features["dense"]}})
    scored = score(candidates_of(np.array([[0.5, 0.9, 0.9], [0.6, 0.0, 0.0]], np.float32)), only_dense)
    assert scored.scores[1] > scored.scores[0]
    assert (scored.contributions[:, 1:] == 0).all()


def test_nearness_falls_to_one_e_th_in_either_direction_and_is_unknown_without_a_date() -> None:
    day = 86_400
    moments = np.array([0, 30 * day, -30 * day, 300 * day, MISSING])
    near = nearness(moments, 0, 30.0)
    np.testing.assert_allclose(near[:4], [1, np.exp(-1), np.exp(-1), np.exp(-10)], rtol=1e-5)
    assert np.isnan(near[4])
    assert np.isnan(nearness(moments, MISSING, 30.0)).all()


def test_candidates_are_taken_and_joined_whole() -> None:
    one, two = (
        candidates_of(np.eye(3, dtype=np.float32)),
        Candidates.of(1, np.array([9]), np.array([8], np.uint64), np.ones((1, 3), np.float32)),
    )
    joined = Candidates.joined([one, two])
    assert joined.segments.tolist() == [0, 0, 0, 1]
    assert joined.take(np.array([3, 0])).rows.tolist() == [9, 0]
    assert joined.take(joined.rows > 1).groups.tolist() == [2, 8]
    assert joined.first(2).feature("lexical").tolist() == [0, 1]
    assert joined.first(9) is joined


def test_the_shipped_ranker_loads_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    shipped = bundled("models") / "news-linear.json"
    assert set(Ranker.load(shipped).features) == set(FEATURES)
    with pytest.raises(SettingsError, match=r"ranking.model: there is no file .*nope.json"):
        Ranker.load(tmp_path / "nope.json")
    own = json.loads(shipped.read_text(encoding="utf-8"))
    for change, message in (
        (
            {"features": {"clicks": own["features"]["dense"]}},
            r"feature 'clicks' is unknown: there are dense, lexical, time",
        ),
        ({"prior": "much"}, r"own.json: \('prior',\): Input should be a valid number"),
    ):
        (tmp_path / "own.json").write_text(json.dumps(own | change), encoding="utf-8")
        with pytest.raises(SettingsError, match=message):
            Ranker.load(tmp_path / "own.json")
