"""The examination curve is held against readers of whom it is known."""

from __future__ import annotations

import numpy as np

from click_logs import THETA, Readers
from recommend.evaluation.impressions import impression_log
from recommend.evaluation.position_bias import examination


def test_the_curve_is_found_from_exchanged_neighbours_and_its_intervals_hold() -> None:
    held, curves = [], []
    for seed in range(60):
        found = examination(Readers.drawn(seed, 30).log(6_000, share=0.6), 5)
        held.append((found.low <= THETA) & (found.high >= THETA))
        curves.append(found.curve)
    assert np.abs(np.mean(curves, 0) - THETA).max() < 0.05
    assert np.mean(held) > 0.88
    assert curves[0][0] == 1.0


def test_clicks_by_position_alone_take_what_is_ranked_high_for_what_is_looked_at() -> None:
    readers = Readers.drawn(3, 30)
    readers.worth[:, :5] = -np.sort(-readers.worth[:, :5], 1)  # a good ranking
    log = readers.log(12_000, share=0.5)
    rates = np.array([log.clicked[log.position == place].mean() for place in range(1, 6)])
    found = examination(log, 5).curve
    assert np.abs(found - THETA).max() < 0.1 < np.abs(rates / rates[0] - THETA).max()


def test_without_exchanges_nothing_is_known_and_the_last_that_is_stands_in() -> None:
    found = examination(Readers.drawn(1, 10).log(300), 5)
    assert np.isnan(found.curve[1:]).all()
    assert found.filled().tolist() == [1.0] * 5
    assert found.exchanged.tolist() == [0] * 4
    assert examination(impression_log([]), 1).curve.tolist() == [1.0]
