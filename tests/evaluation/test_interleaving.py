from __future__ import annotations

import numpy as np

from click_logs import teams_log
from recommend.evaluation.interleaving import preference


def test_the_better_ranking_is_preferred_and_equal_ones_are_so_nineteen_times_in_twenty() -> None:
    won = preference(teams_log(1, 2_000, 1.6), "mixed")
    assert won.second > won.first
    assert 0 < won.low <= won.margin <= won.high <= 0.5
    assert won.p_value < 0.01
    alike = [preference(teams_log(seed, 500, 1.0), "mixed") for seed in range(150)]
    assert 0.9 <= np.mean([one.low <= 0 <= one.high for one in alike]) <= 0.99
    assert abs(np.mean([one.margin for one in alike])) < 0.02


def test_looks_that_click_as_much_of_both_are_ties_and_those_without_a_click_say_nothing() -> None:
    log = teams_log(2, 300, 1.0)
    found = preference(log, "mixed")
    assert found.first + found.second + found.ties == len(set(log.view[log.clicked].tolist()))
    assert found.ties > 0
    none = preference(log, "other")
    assert (none.first, none.second, none.p_value) == (0, 0, 1.0)
