"""Rankers, and the scores that they give: pure functions on arrays."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommend.errors import SettingsError
from recommend.index.dates import MISSING, days_apart, nearness
from recommend.ranking import model
from recommend.ranking.calibration import Calibration
from recommend.ranking.candidates import FEATURES, TIME_FEATURES, Candidates
from recommend.ranking.corpus import Corpus, coverage, similarity_weight
from recommend.ranking.feature_weight import FeatureWeight
from recommend.ranking.features import DENSE_UNIT, comparable
from recommend.ranking.model import Ranker, dense_share
from recommend.ranking.scores import score, standardise
from recommend.resources import bundled

Floats = NDArray[np.float32]
CORPUS = Corpus(1.0)
WIDTH, DAY, UNIT = len(FEATURES), 86_400, DENSE_UNIT
VALUES = st.floats(-1, 1, width=32) | st.just(np.nan)
FEATURE_ARRAYS = st.integers(1, 20).flatmap(lambda n: arrays(np.float32, (n, WIDTH), elements=VALUES))
MEAN, DEVIATION = np.linspace(0.0, 0.4, WIDTH), np.linspace(0.1, 0.3, WIDTH)
RANKER = Ranker(
    features={
        name: FeatureWeight(long=0.5 + n / 10, short=1.5 - n / 10, apart=0.1, mean=MEAN[n], deviation=DEVIATION[n])
        for n, name in enumerate(FEATURES)
    },
    foreign_dense=0.25,
    calibration=Calibration(knot=0.5, intercept=0.0, below=2.0, above=1.0),
)


def candidates_of(features: Floats, segment: int = 0) -> Candidates:
    rows = np.arange(len(features))
    return Candidates.of(segment, rows, rows.astype(np.uint64), features)


@given(FEATURE_ARRAYS)
def test_a_feature_that_says_nothing_neither_helps_nor_harms(features: Floats) -> None:
    standardised = standardise(features, MEAN, DEVIATION)
    assert np.isfinite(standardised).all()
    for column in range(WIDTH):
        known = ~np.isnan(features[:, column])
        expected = (features[known, column] - MEAN[column]) / DEVIATION[column]
        np.testing.assert_allclose(standardised[known, column], expected, atol=1e-9)
        neutral = expected.mean() if known.any() else 0.0
        np.testing.assert_allclose(standardised[~known, column], neutral, atol=1e-9)


def test_the_best_of_a_bad_list_is_seen_to_be_bad() -> None:
    good, bad = (np.tile(MEAN + n * DEVIATION, (5, 1)).astype(np.float32) for n in (2, -2))
    of_good, of_bad = (score(candidates_of(features), RANKER, 0.3, CORPUS) for features in (good, bad))
    assert of_bad.probabilities.max() < 0.01 < 0.99 < of_good.probabilities.min()


@given(FEATURE_ARRAYS, st.floats(0.5, 2.0))
def test_dense_cosines_count_by_what_random_pairs_of_the_corpus_have(features: Floats, spread: float) -> None:
    spread_out = features.copy()
    spread_out[:, 0] *= spread
    scored = score(candidates_of(features), RANKER, 0.3, CORPUS)
    of_spread = score(candidates_of(spread_out), RANKER, 0.3, Corpus(1.0, unit=spread * UNIT))
    np.testing.assert_allclose(of_spread.scores, scored.scores, atol=1e-3)


def test_a_handful_of_articles_does_not_stretch_the_scale_without_bound() -> None:
    features = np.full((1, WIDTH), 0.5, np.float32)
    assert comparable(features, 1e-3)[0, 0] == pytest.approx(1.0)
    assert comparable(features, 1.0)[0, 0] == pytest.approx(0.25)
    assert comparable(features, 1.0)[0, 1:].tolist() == [0.5] * (WIDTH - 1)


@given(FEATURE_ARRAYS, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_come_changes_no_score(features: Floats, random: Random) -> None:
    order = np.array(random.sample(range(len(features)), len(features)))
    scored, shuffled = (
        score(candidates_of(features), RANKER, 0.3, CORPUS),
        score(candidates_of(features[order]), RANKER, 0.3, CORPUS),
    )
    np.testing.assert_allclose(shuffled.scores, scored.scores[order], atol=1e-3)
    np.testing.assert_array_equal(shuffled.features, features[order])


@given(FEATURE_ARRAYS, st.integers(0, WIDTH - 1))
def test_with_a_positive_weight_more_of_a_feature_is_better(features: Floats, column: int) -> None:
    twins = np.vstack([features, features[:1]])
    twins[0, column], twins[-1, column] = 0.25, 0.75
    scored = score(candidates_of(twins), RANKER, 0.3, CORPUS)
    assert scored.scores[-1] > scored.scores[0]
    assert scored.probabilities[-1] >= scored.probabilities[0]


@given(FEATURE_ARRAYS)
def test_contributions_add_up_to_the_score_and_probabilities_follow_it(features: Floats) -> None:
    intercepts = model.Intercepts(long=1.0, short=-0.5, apart=7.0)
    assert intercepts.of(0.3, Corpus(1.0)) == pytest.approx(-0.05)
    assert intercepts.of(1.0, Corpus(0.5)) == pytest.approx(4.0)
    shifted = score(candidates_of(features), RANKER.model_copy(update={"intercepts": intercepts}), 0.3, CORPUS)
    scored = score(candidates_of(features), RANKER, 0.3, CORPUS)
    np.testing.assert_allclose(scored.contributions.sum(axis=1), scored.scores, atol=1e-5)
    np.testing.assert_allclose(shifted.scores, scored.scores - 0.05, atol=1e-4)
    beyond = scored.scores - 0.5
    odds = np.where(beyond < 0, 2.0 * beyond, beyond)
    np.testing.assert_allclose(scored.probabilities, 1 / (1 + np.exp(-np.clip(odds, -60, 60))), rtol=1e-4)


@given(FEATURE_ARRAYS, st.sets(st.sampled_from([*FEATURES, "time"])))
def test_features_left_out_or_not_named_do_not_count(features: Floats, names: set[str]) -> None:
    left_out = {feature for name in names for feature in (TIME_FEATURES if name == "time" else (name,))}
    contributions = score(candidates_of(features), RANKER.without(sorted(names)), 0.3, CORPUS).contributions
    whole = score(candidates_of(features), RANKER, 0.3, CORPUS).contributions
    for column, name in enumerate(FEATURES):
        expected = np.zeros(len(features)) if name in left_out else whole[:, column]
        np.testing.assert_array_equal(contributions[:, column], expected)


def test_an_unknown_feature_to_leave_out_is_named() -> None:
    with pytest.raises(SettingsError, match=r"ranking.without: feature 'clicks' is not one of dense, lexical, context"):
        RANKER.without(["dense", "clicks"])


def test_weights_turn_from_those_under_brief_items_to_those_under_full_text() -> None:
    assert [Corpus(1.0).length_weight(terms) for terms in (0, 30, 34, 38, 50, 9_000)] == [0.0, 0.0, 0.2, 0.4, 1.0, 1.0]
    np.testing.assert_allclose(RANKER.weights(0.0, Corpus(0.5)), 1.5 - np.arange(WIDTH) / 10)
    np.testing.assert_allclose(RANKER.weights(1.0, Corpus(1.0)), 0.5 + np.arange(WIDTH) / 10)
    np.testing.assert_allclose(RANKER.weights(0.25, Corpus(1.0)), 1.25 - np.arange(WIDTH) / 20)


@pytest.mark.parametrize(("typical", "expected"), [(15, 0.0), (40, 0.5), (200, 1.0)])
def test_a_piece_is_as_long_as_it_is_among_the_pieces_beside_it(typical: float, expected: float) -> None:
    corpus = Corpus(1.0, typical_terms=typical)
    assert corpus.length_weight(40) == pytest.approx(expected)
    lengths = np.arange(300)
    weights = corpus.length_weights(lengths)
    assert (np.diff(weights) >= 0).all()
    assert weights.tolist() == [corpus.length_weight(terms) for terms in lengths.tolist()]


def test_where_events_are_told_many_times_short_items_begin_elsewhere() -> None:
    assert [round(coverage(mean), 6) for mean in (0.3, 0.53, 0.5475, 0.6, 1.0)] == [0.0, 0.0, 0.25, 1.0, 1.0]
    intercepts = model.Intercepts(short=-4.0, long=2.0, covered=1.0)
    told = Corpus(1.0, coverage=0.25)
    assert [float(intercepts.of(full, told)) for full in (0.0, 0.5, 1.0)] == [-2.75, -0.375, 2.0]
    assert model.Intercepts(short=-4.0).of(0.0, told) == -4.0


def test_brief_items_begin_lower_by_what_the_time_curve_gives_to_all_that_is_near_in_an_archive_of_many_years() -> None:
    curve = RANKER.features["time_curve"]
    short, home = curve.short / curve.deviation, RANKER.intercepts
    assert RANKER.intercept(0.0, Corpus(1.0)) == home.of(0.0, Corpus(1.0))
    years = Corpus(1.0, beyond=1.5)
    assert RANKER.intercept(0.0, years) == pytest.approx(home.of(0.0, years) - 1.5 * short)
    assert RANKER.intercept(1.0, years) == pytest.approx(home.of(1.0, years))
    timeless = RANKER.without(["time"])
    assert timeless.intercept(0.0, years) == pytest.approx(timeless.intercepts.of(0.0, years))


def test_weights_follow_what_a_feature_is_worth_in_the_corpus_unless_they_are_set_by_hand() -> None:
    tags = RANKER.features["tags"].model_copy(update={"worth": 2.0})
    ranker = RANKER.model_copy(update={"features": RANKER.features | {"tags": tags}})
    place = FEATURES.index("tags")
    for here, factor in ((2.0, 1.0), (0.0, 0.0), (0.5, 0.5), (900.0, 2.0)):
        corpus = Corpus(1.0, feature_worth={"tags": here, "section": 9.0})
        expected = np.ones(WIDTH)
        expected[place] = factor
        np.testing.assert_allclose(ranker.factors(corpus.feature_worth), expected)
        np.testing.assert_allclose(ranker.weights(0.5, corpus), RANKER.weights(0.5, Corpus(1.0)) * expected)
        assert ranker.following(False).factors(corpus.feature_worth)[place] == 1.0
        by_hand = ranker.scaled({"tags": 3.0}).weights(0.5, corpus)
        assert by_hand[place] == pytest.approx(3.0 * RANKER.weights(0.5, Corpus(1.0))[place])


def test_an_unknown_feature_to_weigh_is_named() -> None:
    with pytest.raises(SettingsError, match=r"ranking.weights: feature 'clicks' is not one of dense, lexical, context"):
        RANKER.scaled({"clicks": 2.0})


def test_under_full_text_weights_follow_how_alike_the_nearest_of_the_corpus_are() -> None:
    assert [round(similarity_weight(mean), 6) for mean in (0.0, 0.3, 0.3375, 0.45, 1.0)] == [
        0.0,
        0.0,
        0.25,
        1.0,
        1.0,
    ]
    np.testing.assert_allclose(RANKER.weights(1.0, Corpus(0.0)), np.full(WIDTH, 0.1))
    np.testing.assert_allclose(RANKER.weights(1.0, Corpus(0.25)), 0.25 * (0.5 + np.arange(WIDTH) / 10) + 0.075)


@pytest.mark.parametrize("full", [0.0, 0.4, 1.0])
def test_for_a_foreign_language_most_of_the_dense_weight_goes_to_the_lexical_side(full: float) -> None:
    foreign, own = RANKER.foreign().weights(full, Corpus(0.5)), RANKER.weights(full, Corpus(0.5))
    dense, context = FEATURES.index("dense"), FEATURES.index("context")
    assert foreign[dense] == pytest.approx(0.25 * own[dense])
    assert foreign[context] == pytest.approx(own[context] + 0.75 * own[dense])
    assert np.delete(foreign, [dense, context]).tolist() == np.delete(own, [dense, context]).tolist()
    assert RANKER.without(["dense"]).foreign() == RANKER.without(["dense"])


def test_more_of_the_dense_weight_stays_the_less_embeddings_err_in_a_language() -> None:
    told = {"en": (0.985, 200), "es": (0.97, 200), "tr": (0.93, 200), "ar": (0.6, 200), "vi": (0.985, 200)}
    shares = [dense_share(told, "en", language, 0.25) for language in ("vi", "es", "tr", "ar")]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.7
    assert shares[-1] == pytest.approx(0.1, abs=0.03)
    assert dense_share(told, "en", "fr", 0.25) == 0.25
    assert dense_share({"es": (0.99, 1)}, "en", "es", 0.25) == pytest.approx(0.265, abs=0.02)
    assert dense_share({"en": (0.9, 200), "es": (0.9, 200)}, "en", "es", 0.25) > 0.8
    assert dense_share(told, "en", "es", 0.0) == 0.0


def test_a_share_makes_its_ranker_once() -> None:
    assert RANKER.foreign(0.5) is RANKER.foreign(0.5)
    assert RANKER.foreign(0.25) == RANKER.foreign()
    dense = FEATURES.index("dense")
    assert RANKER.foreign(0.5).weights(1.0, Corpus(1.0))[dense] == pytest.approx(
        0.5 * RANKER.weights(1.0, Corpus(1.0))[dense]
    )


def test_nearness_falls_alike_in_both_directions_and_is_unknown_without_a_date() -> None:
    moments = np.array([0, 30 * DAY, -30 * DAY, 300 * DAY, MISSING])
    expected = [1, np.exp(-1), np.exp(-1), np.exp(-10), np.nan]
    np.testing.assert_allclose(nearness(moments, 0, 30.0), expected, rtol=1e-5)
    np.testing.assert_allclose(nearness(moments[::-1], moments, 30.0)[[1, 2, 3]], np.exp([-9, 0, -9]), rtol=1e-4)
    days = days_apart(moments, 0)
    np.testing.assert_allclose(days, [0, 30, 30, 300, np.nan])
    assert np.isnan(days_apart(moments, MISSING)).all()


def test_candidates_are_taken_and_joined_whole() -> None:
    features = np.eye(3, WIDTH, dtype=np.float32)
    joined = Candidates.joined([candidates_of(features), candidates_of(features[:1], 1)])
    assert joined.segments.tolist() == [0, 0, 0, 1]
    assert joined.take(np.array([3, 2])).rows.tolist() == [0, 2]
    assert joined.take(joined.rows > 0).groups.tolist() == [1, 2]
    assert joined.first(2).feature("lexical").tolist() == [0, 1]
    assert joined.first(9) is joined


def test_the_shipped_ranker_loads_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    shipped = bundled("models") / "news-linear.json"
    own = json.loads(shipped.read_text(encoding="utf-8"))
    assert own["features"].keys() == Ranker.load(shipped).features.keys() <= set(FEATURES)
    with pytest.raises(SettingsError, match=r"ranking.model: there is no file .*nope.json"):
        Ranker.load(tmp_path / "nope.json")
    for change, message in (
        ({"features": {"clicks": own["features"]["dense"]}}, r"feature 'clicks' is unknown: there are dense, lexical"),
        ({"foreign_dense": "much"}, r"own.json: \('foreign_dense',\): Input should be a valid number"),
    ):
        (tmp_path / "own.json").write_text(json.dumps(own | change), encoding="utf-8")
        with pytest.raises(SettingsError, match=message):
            Ranker.load(tmp_path / "own.json")
