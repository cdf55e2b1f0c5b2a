"""How much nearness in time says, measured from a corpus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from recommend.index.dates import MISSING
from recommend.index.time_curve import FLAT, LEAST_PAIRS, TimeCurve, measure

DAY = 86_400
Ints = NDArray[np.int64]


def archive(count: int, days: int, spread: float, seed: int = 1) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """Articles over so many days whose three neighbours lie an exponential ``spread`` of days away."""
    rng = np.random.default_rng(seed)
    published = np.sort(rng.integers(0, days, count)) * DAY + 1_500_000_000
    wanted = published[:, None] + rng.exponential(spread, (count, 3)) * rng.choice([-1, 1], (count, 3)) * DAY
    neighbours = np.clip(np.searchsorted(published, wanted), 0, count - 1)
    return published, neighbours, np.arange(count, dtype=np.uint64)


def scattered(count: int, days: int, seed: int = 1) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """The same with neighbours anywhere."""
    published, neighbours, groups = archive(count, days, 1.0, seed)
    return published, np.random.default_rng(seed).integers(0, count, neighbours.shape), groups


def test_the_curve_is_the_log_ratio_of_both_densities() -> None:
    """Pairs at random over T days lie t apart with density 2 (T − t) / T²; the neighbours' is exp(−t / 20) / 20."""
    curve = measure(*archive(60_000, 4_000, 20.0))
    assert curve.pairs > 170_000
    for days in (5.0, 10.0, 20.0, 40.0, 60.0):
        expected = np.log(np.exp(-days / 20) / 20 / (2 * (4_000 - days) / 4_000**2))
        assert curve.at(np.array([days]))[0] == pytest.approx(expected, abs=0.25)


def test_where_neighbours_lie_anywhere_in_time_age_costs_nothing() -> None:
    curve = measure(*scattered(5_000, 3_000))
    assert curve.flat
    assert curve.pairs > 14_000
    assert curve.at(np.array([0.0, 5_000.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dated", [0, LEAST_PAIRS // 3 - 20])
def test_too_few_dated_pairs_make_no_curve(dated: int) -> None:
    published, neighbours, groups = archive(2_000, 1_000, 5.0)
    published[dated:] = MISSING
    assert measure(published, neighbours, groups) == FLAT
    assert FLAT.flat


def test_undated_articles_own_rows_and_copies_of_a_text_do_not_count() -> None:
    published, neighbours, groups = archive(3_000, 1_000, 5.0)
    groups[1::2] = groups[::2]
    curve = measure(published, neighbours, groups)
    own = np.arange(3_000)[:, None]
    assert curve.pairs == np.count_nonzero((neighbours != own) & (groups[neighbours] != groups[own]))
    assert (
        measure(np.append(published, MISSING), np.vstack([neighbours, [0, 1, 2]]), np.append(groups, groups[:1]))
        == curve
    )


@given(st.integers(120, 400), st.integers(1, 5_000), st.floats(0.1, 500), st.integers(0, 99))
def test_evidence_is_finite_and_never_rises_with_age(count: int, days: int, spread: float, seed: int) -> None:
    curve = measure(*archive(count, days, spread, seed))
    ages = np.array([0.0, 0.5, 1, 3, 10, 100, 1_000, 1e6])
    found = curve.at(ages)
    assert np.isfinite(found).all()
    assert (np.diff(found) <= 1e-6).all()
    assert np.isnan(curve.at(np.array([np.nan]))).all()
    assert TimeCurve.model_validate_json(curve.model_dump_json()) == curve


def test_dates_ten_thousand_years_apart_are_measured_all_the_same() -> None:
    published, neighbours, groups = archive(500, 100, 5.0)
    published[:2] = [-62_135_596_800, 253_402_300_799]
    assert np.isfinite(measure(published, neighbours, groups).evidence).all()


def test_days_and_evidence_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="2 days != 1 evidence"):
        TimeCurve(pairs=1, days=(0.0, 1.0), evidence=(0.5,))
