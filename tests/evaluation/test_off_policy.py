"""Estimates for another ranking are held against what its readers would have clicked."""

from __future__ import annotations

import numpy as np

from click_logs import THETA, Readers
from recommend.evaluation.impressions import impression_log
from recommend.evaluation.off_policy import OffPolicy, off_policy

RUNS = 40


def by_worth(readers: Readers, items: int = 5) -> dict[str, list[str]]:
    """The ranking that is best among the first items."""
    orders = np.argsort(-readers.worth[:, :items], 1)[:, :5]
    return {f"a{article}": [f"b{item}" for item in order] for article, order in enumerate(orders.tolist())}


def estimates(share: float, items: int = 5, looks: int = 1_500) -> list[tuple[float, OffPolicy]]:
    found = []
    for seed in range(RUNS):
        readers = Readers.drawn(seed, 15)
        ranking = by_worth(readers, items)
        log = readers.log(looks, share=share)
        found.append((float(readers.value(ranking)[log.article].mean()), off_policy(log, ranking, THETA)))
    return found


def test_estimates_are_unbiased_and_their_intervals_hold_the_truth() -> None:
    found = estimates(share=0.4)
    truths = np.array([truth for truth, _ in found])
    logged = np.mean([one.logged.mean for _, one in found])
    assert truths.mean() > logged * 1.08, "the other ranking is no better, so nothing is tested"
    for name in ("ips", "snips", "doubly_robust"):
        values = [getattr(one, name) for _, one in found]
        error = np.mean([value.mean for value in values] - truths)
        spread = np.std([value.mean for value in values] - truths) / np.sqrt(RUNS)
        assert abs(error) < 3 * spread + 0.004, name
        assert np.mean([one.low <= truth <= one.high for one, truth in zip(values, truths, strict=True)]) >= 0.85, name


def test_without_weighing_by_examination_the_estimate_is_wrong() -> None:
    flat = []
    for seed in range(10):
        readers = Readers.drawn(seed, 15)
        ranking = by_worth(readers)
        found = off_policy(readers.log(1_500, share=0.4), ranking, np.ones(5))
        flat.append(found.ips.mean / readers.value(ranking).mean())
    assert np.mean(flat) < 0.93


def test_of_what_was_never_shown_only_a_model_can_tell() -> None:
    readers = Readers.drawn(2, 15)
    ranking = by_worth(readers, 7)
    log = readers.log(6_000, share=0.2)

    def knows(article: str, item: str) -> float:
        return float(readers.worth[int(article[1:]), int(item[1:])])

    found = off_policy(log, ranking, THETA, relevance=knows)
    truth = float(readers.value(ranking)[log.article].mean())
    assert found.covered < 0.9
    assert found.ips.mean < 0.92 * truth
    assert abs(found.doubly_robust.mean - truth) < 0.03 * truth


def test_a_wrong_model_is_corrected_by_the_log() -> None:
    readers = Readers.drawn(4, 15)
    ranking = by_worth(readers)
    log = readers.log(8_000, share=0.3)
    found = off_policy(log, ranking, THETA, relevance=lambda *_: 0.9)
    truth = float(readers.value(ranking)[log.article].mean())
    assert abs(found.doubly_robust.mean - truth) < 0.06 * truth


def test_few_clicks_are_told_as_few() -> None:
    readers = Readers.drawn(1, 15)
    few, many = (off_policy(readers.log(n), by_worth(readers), THETA) for n in (60, 2_000))
    assert (few.small, many.small) == (True, False)
    assert few.effective < few.logged.mean * few.looks
    none = off_policy(impression_log([]), {}, THETA)
    assert (none.looks, none.small) == (0, True)


def test_articles_that_the_other_ranking_has_not_are_left_out() -> None:
    readers = Readers.drawn(1, 15)
    ranking = {"a3": by_worth(readers)["a3"]}
    log = readers.log(600)
    assert off_policy(log, ranking, THETA).looks == len(set(log.view[log.article == 3].tolist()))
