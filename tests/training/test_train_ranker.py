"""Fitting a ranker: on lists whose right answer is known, and collecting lists from a recommender."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from effort import examples
from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.errors import EvaluationError
from recommend.evaluation.judgements import UNKNOWN, Qrels
from recommend.inspection import candidates_of
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.corpus import Corpus
from recommend.ranking.features import comparable
from recommend.ranking.model import Ranker
from recommend.ranking.scores import score, standardise
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store
from recommend.training.ranker import Lists, calibrate, collect, fit_ranker

if TYPE_CHECKING:
    from conftest import Newsroom

Floats = NDArray[np.float32]


def lists(telling: str, queries: int = 80, width: int = 30, seed: int = 1, slope: float = 3.0) -> Lists:
    """Lists in which one feature tells what is related, through a logistic curve, and the others are noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(queries, width, len(FEATURES))).astype(np.float32)
    chance = 1 / (1 + np.exp(-(slope * features[:, :, FEATURES.index(telling)] - 2.0)))
    grades = (rng.random((queries, width)) < chance).astype(np.float32)
    grades[:, 0] = 1.0
    return Lists(features, grades, np.ones(queries), np.full_like(grades, 0.5))


def scored(ranker: Ranker, features: Floats) -> Candidates:
    count = len(features)
    return score(Candidates.of(0, np.arange(count), np.zeros(count, np.uint64), features), ranker, 1.0, Corpus(1.0))


def weight(ranker: Ranker, name: str) -> float:
    return ranker.features[name].long if name in ranker.features else 0.0


@pytest.mark.parametrize("telling", ["dense", "lexical", "time_curve", "section"])
def test_the_feature_that_tells_gets_the_weight(telling: str) -> None:
    ranker = fit_ranker(lists(telling))
    others = [weight(ranker, name) for name in FEATURES if name not in {telling, "context"}]
    assert weight(ranker, telling) > 0.8
    assert max(others) < 0.2 * weight(ranker, telling)


def test_a_feature_that_tells_the_contrary_gets_no_negative_weight() -> None:
    ranker = fit_ranker(lists("dense", slope=-3.0))
    assert weight(ranker, "dense") == 0.0
    assert all(max(feature.long, feature.short) > 0.0 for feature in ranker.features.values())


def test_the_other_weights_are_the_best_beside_the_ones_that_are_held_at_zero() -> None:
    made = lists("dense")
    features = made.features.copy()
    features[:, :, FEATURES.index("dense")] += features[:, :, FEATURES.index("lexical")]
    without = features.copy()
    without[:, :, FEATURES.index("lexical")] = np.nan
    suppressed, absent = fit_ranker(replace(made, features=features)), fit_ranker(replace(made, features=without))
    assert "lexical" not in suppressed.features
    assert weight(suppressed, "dense") == pytest.approx(weight(absent, "dense"), abs=0.01)


def test_the_weights_that_are_kept_are_the_best_on_what_is_held_out() -> None:
    made = lists("dense")
    like, unlike = (fit_ranker(made, lists(telling, seed=2)) for telling in ("dense", "lexical"))
    assert weight(like, "dense") > 0.8
    assert weight(unlike, "dense") < 0.3


def test_fewer_steps_learn_less() -> None:
    one, all_of_them = (weight(fit_ranker(lists("dense"), steps=steps), "dense") for steps in (1, 1000))
    assert one < all_of_them - 0.01


@pytest.mark.parametrize("full", [0.0, 1.0])
def test_lexical_context_keeps_its_floor_under_full_text_alone(full: float) -> None:
    misleading, telling = (
        fit_ranker(replace(lists("context", slope=slope), length_weights=np.full(80, full))).features["context"]
        for slope in (-3.0, 3.0)
    )
    assert (misleading.long, misleading.short) == (0.5, 0.0)
    assert min(telling.long, telling.short) > 0.8


def test_weights_under_brief_items_and_under_full_text_follow_what_tells_there() -> None:
    made = Lists.joined([replace(lists("dense"), length_weights=np.zeros(80)), lists("lexical")])
    features = fit_ranker(made).features
    assert features["dense"].short > 5 * features["dense"].long
    assert features["lexical"].long > 5 * features["lexical"].short


def test_a_weight_that_counts_otherwise_beyond_a_value_bends_there_and_keeps_straight_where_nothing_tells() -> None:
    made = lists("dense", queries=300)
    dense = 0.81 + made.features[:, :, FEATURES.index("dense")]
    told = replace(made, length_weights=np.zeros(300))
    told.features[:, :, FEATURES.index("dense")] = np.where(dense > 0.81, 0.81 + 9.0 * (dense - 0.81), dense)
    features = fit_ranker(told).features
    below, at, above = (features["dense"].under_brief(value) for value in (-0.19, 0.81, 1.81))
    assert above - at < 0.2 * (at - below)
    near = replace(lists("days_log"), length_weights=np.zeros(80))
    days = fit_ranker(near).features["days_log"]
    assert days.bend is not None
    assert days.short > 0.8
    assert abs(days.bend.short) < 1e-3


def test_the_general_mean_and_deviation_of_a_feature_are_those_of_all_candidates() -> None:
    made = lists("dense")
    dense = made.features[:, :, 0] * 2.0 + 5.0
    features = np.concatenate([dense[:, :, None], made.features[:, :, 1:]], axis=2).astype(np.float32)
    fitted = fit_ranker(replace(made, features=features)).features["dense"]
    assert (fitted.mean, fitted.deviation) == pytest.approx((dense.mean(), dense.std()), abs=1e-3)


def test_a_feature_that_says_nothing_of_some_candidates_is_neutral_there() -> None:
    made = lists("dense")
    features = made.features.copy()
    features[:, ::2, FEATURES.index("section")] = np.nan
    features[:20, :, FEATURES.index("section")] = np.nan
    ranker = fit_ranker(replace(made, features=features))
    assert weight(ranker, "dense") == pytest.approx(weight(fit_ranker(made), "dense"), abs=0.1)
    contributions = scored(ranker, features[30]).contributions
    told = contributions[1::2, FEATURES.index("section")].mean()
    np.testing.assert_allclose(contributions[::2, FEATURES.index("section")], told, atol=1e-5)
    assert np.isfinite(contributions).all()


def test_a_feature_that_no_candidate_has_gets_no_weight_and_spoils_nothing() -> None:
    made = lists("dense")
    features = made.features.copy()
    features[:, :, FEATURES.index("section")] = np.nan
    ranker = fit_ranker(replace(made, features=features))
    assert "section" not in ranker.features
    assert weight(ranker, "dense") == pytest.approx(weight(fit_ranker(made), "dense"), abs=0.1)


@hypothesis_settings(max_examples=examples(10, 20))
@given(st.sampled_from(FEATURES), st.integers(0, 50), st.floats(1.0, 5.0))
def test_probabilities_rise_with_the_score_and_stay_within_0_and_1(telling: str, seed: int, slope: float) -> None:
    made = lists(telling, queries=30, width=12, seed=seed, slope=slope)
    ranker = fit_ranker(made)
    assert max(ranker.calibration.below, ranker.calibration.above) > 0.0
    ranked = scored(ranker, np.vstack([made.features[0], 50 * made.features[1]]))
    order = np.argsort(ranked.scores, kind="stable")
    assert np.all(np.diff(ranked.probabilities[order]) >= 0.0)
    assert np.all((ranked.probabilities >= 0.0) & (ranked.probabilities <= 1.0))


def test_probabilities_say_how_often_candidates_are_related() -> None:
    made = lists("dense", queries=200)
    ranker = fit_ranker(made)
    probabilities = np.concatenate([scored(ranker, features).probabilities for features in made.features])
    related = made.grades.ravel() > 0
    assert probabilities.mean() == pytest.approx(related.mean(), abs=0.01)
    for low in np.arange(0.0, 1.0, 0.25):
        some = (probabilities >= low) & (probabilities < low + 0.25)
        assert probabilities[some].mean() == pytest.approx(related[some].mean(), abs=0.05)


def test_unknown_documents_and_padding_count_for_nothing() -> None:
    made = lists("dense", queries=40)
    longer = np.pad(made.features, [(0, 0), (0, 5), (0, 0)], constant_values=np.nan)
    grades, said = (np.pad(one, [(0, 0), (0, 5)], constant_values=np.nan) for one in (made.grades, made.probabilities))
    padded = fit_ranker(Lists(longer, grades, made.length_weights, said))
    assert padded == fit_ranker(made)
    grades = made.grades.copy()
    grades[:, -10:] = np.nan
    misleading = np.where(np.isnan(grades), 1.0 - made.grades, made.grades).astype(np.float32)
    assert weight(fit_ranker(replace(made, grades=grades)), "dense") > 0.8
    assert weight(fit_ranker(replace(made, grades=misleading)), "dense") < 0.5


def test_lists_of_several_sets_join_to_the_width_of_the_widest() -> None:
    narrow, wide = lists("dense", queries=3, width=4), lists("dense", queries=2, width=6)
    both = Lists.joined([narrow, wide])
    assert (both.features.shape, both.grades.shape) == ((5, 6, len(FEATURES)), (5, 6))
    assert np.array_equal(both.features[:3, :4], narrow.features)
    assert np.array_equal(both.grades[3:], wide.grades)
    assert np.isnan(both.features[:3, 4:]).all()
    assert np.isnan(both.grades[:3, 4:]).all()


@pytest.fixture
def recommender(newsroom: Newsroom) -> Recommender:
    settings = newsroom.settings.model_copy(update={"policy": PolicySettings(on=False)})
    return Recommender(newsroom.store, settings, newsroom.encoder)


def same_topic(stories: list[Article]) -> Qrels:
    """Toy articles of one topic are related; every sixth is of the same."""
    ids = [article.id for article in stories]
    return {ids[n]: {ids[m]: 2 for m in range(n % 6, 60, 6) if m != n} for n in range(60)}


def test_collecting_skips_queries_that_are_unknown_or_have_nothing_related(recommender: Recommender) -> None:
    ticks: list[None] = []
    qrels = {
        "story-00": {"story-06": 3, "story-12": 0, "story-18": UNKNOWN, "elsewhere": 2},
        "story-01": {"story-07": 0, "elsewhere": 2},
        "unheard of": {"story-06": 3},
    }
    found = collect(recommender, qrels, progress=lambda: ticks.append(None))
    assert len(ticks) == 3
    assert found.grades.shape == (1, 59)
    assert found.features.shape == (1, 59, len(FEATURES))
    ids, candidates, full = candidates_of(recommender, "story-00")
    grades = dict(zip(ids, found.grades[0].tolist(), strict=True))
    assert (grades["story-06"], grades["story-12"], grades["story-55"]) == (3.0, 0.0, 0.0)
    assert np.isnan(grades["story-18"])
    unit = recommender.view().snapshot.manifest.units[0]
    np.testing.assert_array_equal(found.features[0], comparable(candidates.features, unit))
    assert found.length_weights.tolist() == [full]


def test_candidates_too_near_in_time_are_unknown_where_judgements_leave_them_out(
    indexed: tuple[Settings, Store], encoder: Encoder
) -> None:
    dated = Recommender(indexed[1], indexed[0].model_copy(update={"policy": PolicySettings(on=False)}), encoder)
    query = "a-central-asia-condemns-drone-attack"
    ids, candidates, _ = candidates_of(dated, query)
    days = np.expm1(-candidates.feature("days_log"))
    found = collect(dated, {query: dict.fromkeys(ids, 2)}, unknown_days=30.0)
    assert 0 < np.isnan(found.grades).sum() < len(ids)
    np.testing.assert_array_equal(np.isnan(found.grades[0]), days < 30.0)


def test_a_curve_may_say_what_the_ranker_in_use_says_where_judgements_name_a_small_part() -> None:
    made = lists("dense")
    dense = made.features[:, :, FEATURES.index("dense")]
    said = (1 / (1 + np.exp(-2.0 * dense - 1.0))).astype(np.float32)
    few = replace(made, grades=(made.grades * (np.arange(30) < 3)).astype(np.float32), probabilities=said)
    means = []
    for as_in_use in (True, False):
        ranker = fit_ranker(few, as_in_use=as_in_use)
        scaled = standardise(few.features.reshape(-1, len(FEATURES)), ranker.means, ranker.deviations)
        scores = ranker.contributions(scaled, 1.0, Corpus(1.0)).sum(axis=1).astype(np.float32)
        means.append(float(ranker.calibration.probabilities(scores).mean()))
    assert means == pytest.approx([float(said.mean()), float(few.grades.mean())], abs=0.02)


def test_a_calibration_needs_related_and_unrelated_candidates() -> None:
    for related in (np.ones(4, np.bool_), np.zeros(4, np.bool_)):
        with pytest.raises(EvaluationError, match="must hold related and unrelated candidates"):
            calibrate(np.arange(4.0), related)


@pytest.mark.parametrize("qrels", [{}, {"unheard of": {"story-00": 3}}, {"story-00": {"story-01": UNKNOWN}}])
def test_collecting_nothing_is_an_error(recommender: Recommender, qrels: Qrels) -> None:
    with pytest.raises(EvaluationError, match="no judged query has a related article among its candidates"):
        collect(recommender, qrels)


def test_what_is_fitted_to_a_newsroom_ranks_its_topics_first(
    recommender: Recommender, newsroom: Newsroom, stories: list[Article]
) -> None:
    qrels = same_topic(stories)
    fitted = fit_ranker(collect(recommender, qrels))
    path = newsroom.settings.index.parent / "fitted.json"
    path.write_text(fitted.model_dump_json())
    assert Ranker.load(path) == fitted
    first, corpus = 0, replace(Corpus.of(recommender.view().snapshot.manifest), similarity=1.0)
    for query, related in qrels.items():
        ids, candidates, full = candidates_of(recommender, query)
        first += ids[int(np.argmax(score(candidates, fitted, full, corpus).scores))] in related
    assert first >= 57
