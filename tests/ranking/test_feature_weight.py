"""What one feature adds to a score: a line, or two that meet."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import SettingsError
from recommend.ranking.candidates import FEATURES, Candidates
from recommend.ranking.corpus import USUAL_NEARNESS, Corpus
from recommend.ranking.feature_weight import Bend, FeatureWeight
from recommend.ranking.model import Ranker
from recommend.ranking.scores import score
from recommend.resources import bundled

SHIPPED = Ranker.load(bundled("models") / "news-linear.json")
BENT = [name for name, one in SHIPPED.features.items() if one.bend is not None]
NEUTRAL = np.array([SHIPPED.features[name].mean if name in SHIPPED.features else 0.0 for name in FEATURES], np.float32)
WEIGHTS = st.floats(0.0, 3.0)


def added(ranker: Ranker, name: str, values: list[float], brief: float = 1.0) -> list[float]:
    """What one feature adds at some values, the others at their means."""
    features, column = np.tile(NEUTRAL, (len(values), 1)), FEATURES.index(name)
    features[:, column] = values
    rows = np.arange(len(values))
    scored = score(Candidates.of(0, rows, rows.astype(np.uint64), features), ranker, 1.0 - brief, Corpus(1.0))
    return [float(one) for one in scored.contributions[:, column]]


def without_bends(ranker: Ranker) -> Ranker:
    """As files of before bends have it."""
    file = json.loads(ranker.model_dump_json())
    for one in file["features"].values():
        del one["bend"]
    return Ranker.model_validate(file)


@given(st.floats(-3, 3).filter(lambda at: abs(at) > 0.01), WEIGHTS, WEIGHTS, st.lists(st.floats(-9, 9), min_size=2))
def test_more_of_a_feature_never_says_less_and_its_pieces_meet(
    at: float, before: float, beyond: float, values: list[float]
) -> None:
    weight = FeatureWeight(
        long=1.0, short=before, apart=1.0, mean=0.5, deviation=2.0, bend=Bend(at=at, short=beyond - before)
    )
    told = [weight.under_brief(value) for value in sorted(values)]
    assert (np.diff(told) >= -1e-9).all()
    knot = 0.5 + 2.0 * at
    near = [weight.under_brief(knot + step) for step in (-1e-7, 0.0, 1e-7)]
    assert max(near) - min(near) < 1e-5
    assert near[1] == pytest.approx(before * at)


@given(st.sampled_from(BENT), st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2))
def test_what_is_nearer_or_more_alike_is_never_ranked_lower_by_the_shipped_ranker(
    name: str, values: list[float]
) -> None:
    lower, higher = added(SHIPPED, name, sorted(values))
    assert lower <= higher + 1e-6


@pytest.mark.parametrize("name", BENT)
def test_a_bend_counts_under_brief_items_by_how_brief_they_are(name: str) -> None:
    one = SHIPPED.features[name]
    assert one.bend is not None
    value = one.mean + one.deviation * (one.bend.at + (1.0 if one.bend.at > 0 else -1.0))
    straight = without_bends(SHIPPED)
    step = one.bend.short if one.bend.at > 0 else -one.bend.short
    for brief in (0.0, 0.25, 1.0):
        (with_bend,), (without,) = added(SHIPPED, name, [value], brief), added(straight, name, [value], brief)
        assert with_bend - without == pytest.approx(brief * step, abs=1e-5)
    assert added(SHIPPED, name, [one.mean]) == pytest.approx([0.0], abs=1e-6)


def test_what_is_left_out_scaled_or_in_another_language_takes_its_bend_along() -> None:
    dense = SHIPPED.features["dense"]
    (own,) = added(SHIPPED, "dense", [1.0])
    assert added(SHIPPED.without(["dense"]), "dense", [1.0]) == [0.0]
    assert added(SHIPPED.scaled({"dense": 2.0}), "dense", [1.0]) == pytest.approx([2.0 * own])
    assert added(SHIPPED.foreign(0.5), "dense", [1.0]) == pytest.approx([0.5 * own])
    assert own == pytest.approx(dense.under_brief(1.0), abs=1e-5)


def test_the_same_day_scores_alike_over_one_year_and_over_many_although_the_curve_bends() -> None:
    curve = SHIPPED.features["time_curve"]
    years = Corpus(1.0, beyond=2.4)
    fall = SHIPPED.intercept(0.0, Corpus(1.0)) - SHIPPED.intercept(0.0, years)
    assert fall == pytest.approx(curve.under_brief(USUAL_NEARNESS + 2.4) - curve.under_brief(USUAL_NEARNESS))
    assert fall < 2.4 * curve.short


@pytest.mark.parametrize(
    ("change", "message"),
    [({"at": 0.0, "short": 1.0}, "farther from it"), ({"at": 1.0, "short": -9.0}, "turns to -")],
)
def test_a_bend_that_cannot_be_is_named(change: dict[str, float], message: str, tmp_path: Path) -> None:
    file = json.loads(SHIPPED.model_dump_json())
    file["features"]["dense"]["bend"] = change
    (tmp_path / "own.json").write_text(json.dumps(file), encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"own.json: .*{message}"):
        Ranker.load(tmp_path / "own.json")


def test_a_file_without_bends_is_a_ranker_of_straight_lines() -> None:
    old = without_bends(SHIPPED)
    values = added(old, "dense", [0.0, 0.5, 1.0, 1.5])
    assert np.diff(values) == pytest.approx([values[1] - values[0]] * 3, abs=1e-5)
    kinked = added(SHIPPED, "dense", [0.0, 0.5, 1.0, 1.5])
    assert kinked[:2] == pytest.approx(values[:2])
    assert kinked[3] < values[3]
