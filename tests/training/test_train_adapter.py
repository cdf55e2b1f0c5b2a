"""Learning an adapter from toy stories: what it learns, what it must not, and that it does so again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from random_corpus import unit
from recommend.errors import EvaluationError
from recommend.training.adapter import Recipe, train_adapter
from recommend.training.pairs import Pairs

Floats = NDArray[np.float32]

RECIPE = Recipe(steps=80, batch=32, check_every=20, learning_rate=1e-2)
SHORT = replace(RECIPE, steps=20, check_every=10)
STORIES, MEMBERS, STORY_AXES, NOISE_AXES = 40, 5, 6, 10


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small take longer with several threads, many times so on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def embeddings() -> Floats:
    """Articles of 40 stories, five after one another: a few axes tell the story, more and longer ones tell nothing."""
    rng = np.random.default_rng(5)
    story = np.repeat(rng.normal(size=(STORIES, STORY_AXES)), MEMBERS, axis=0)
    noise = 1.2 * rng.normal(size=(STORIES * MEMBERS, NOISE_AXES))
    raw = unit(np.hstack([story, noise]))
    return unit(raw - raw.mean(axis=0))


def judged(first: int, last: int, grade: int = 2) -> Pairs:
    """All pairs within the stories ``first`` to ``last``."""
    qrels: dict[str, dict[str, int]] = {}
    rows: dict[str, int] = {}
    for story in range(first, last):
        members = range(story * MEMBERS, (story + 1) * MEMBERS)
        rows |= {f"a{row}": row for row in members}
        qrels |= {f"a{row}": {f"a{other}": grade for other in members if other != row} for row in members}
    return Pairs.of(qrels, rows)


@pytest.fixture(scope="module")
def earlier() -> Pairs:
    return judged(0, 30)


@pytest.fixture(scope="module")
def later() -> Pairs:
    return judged(30, STORIES)


def margin(embeddings: Floats, weights: Floats) -> float:
    """How much nearer articles of one held-out story are than those of two, in deviations."""
    mapped = unit(embeddings @ weights)[30 * MEMBERS :]
    cosines = mapped @ mapped.T
    story = np.arange(len(mapped)) // MEMBERS
    same = story[:, None] == story
    np.fill_diagonal(cosines, np.nan)
    return float((np.nanmean(cosines[same]) - cosines[~same].mean()) / np.nanstd(cosines))


def test_stories_held_out_come_apart_and_their_loss_falls(embeddings: Floats, earlier: Pairs, later: Pairs) -> None:
    losses: dict[int, float] = {}
    weights, step = train_adapter(embeddings, earlier, later, RECIPE, losses.__setitem__)
    assert weights.shape == (16, 16)
    assert weights.dtype == np.float32
    assert list(losses) == [0, 20, 40, 60, 80]
    assert losses[step] == min(losses.values()) < 0.9 * losses[0]
    assert margin(embeddings, weights) > 1.2 * margin(embeddings, np.eye(16, dtype=np.float32))
    assert np.linalg.norm(weights[:STORY_AXES]) / STORY_AXES > np.linalg.norm(weights[STORY_AXES:]) / NOISE_AXES


def test_the_same_seed_gives_the_same_map_and_another_seed_another(
    embeddings: Floats, earlier: Pairs, later: Pairs
) -> None:
    def learned(seed: int) -> Floats:
        return train_adapter(embeddings, earlier, later, replace(SHORT, seed=seed))[0]

    assert np.array_equal(learned(1), learned(1))
    assert not np.array_equal(learned(1), learned(2))


def test_the_state_that_is_kept_is_the_best_on_the_held_out_pairs(embeddings: Floats, earlier: Pairs) -> None:
    strangers = Pairs(
        {row: (np.array([(row + 97) % 200]), np.array([1.0], np.float32)) for row in range(150, 200)},
        {row: np.array([row, (row + 97) % 200]) for row in range(150, 200)},
    )
    losses: dict[int, float] = {}
    weights, step = train_adapter(embeddings, earlier, strangers, RECIPE, losses.__setitem__)
    assert step == min(losses, key=losses.__getitem__) == 0
    assert np.array_equal(weights, np.eye(16, dtype=np.float32))


def test_the_map_is_held_near_the_identity(embeddings: Floats, earlier: Pairs, later: Pairs) -> None:
    def away(identity: float) -> float:
        weights, _ = train_adapter(embeddings, earlier, later, replace(SHORT, steps=60, identity=identity))
        return float(np.linalg.norm(weights - np.eye(16)))

    assert 0.0 < away(30.0) < 0.5 * away(0.0)


def everything_judged(pairs: Pairs, count: int) -> Pairs:
    return Pairs(pairs.positives, dict.fromkeys(pairs.judged, np.arange(count)))


def test_a_judged_pair_is_never_a_negative_in_validation(embeddings: Floats, earlier: Pairs, later: Pairs) -> None:
    losses: list[float] = []
    everything = everything_judged(later, len(embeddings))
    train_adapter(embeddings, earlier, everything, SHORT, lambda _, loss: losses.append(loss))
    assert losses == pytest.approx([0.0] * 3, abs=1e-6)


def test_a_judged_pair_is_never_a_negative_in_training(embeddings: Floats, earlier: Pairs, later: Pairs) -> None:
    losses: list[float] = []
    everything = everything_judged(earlier, len(embeddings))
    train_adapter(embeddings, everything, later, SHORT, lambda _, loss: losses.append(loss))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_pairs_keep_grades_and_count_unknown_ones_as_judged() -> None:
    qrels = {"a": {"b": 3, "c": 0, "d": -1, "e": 1, "elsewhere": 3}, "b": {"c": 0}, "elsewhere": {"a": 3}}
    pairs = Pairs.of(qrels, {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5})
    assert list(pairs.positives) == [0]
    rows, grades = pairs.positives[0]
    assert (rows.tolist(), grades.tolist()) == ([1, 4], [3.0, 1.0])
    assert sorted(pairs.judged[0].tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("qrels", [{}, {"x": {"y": 2}}, {"a": {"b": 0, "x": 2}}, {"x": {"a": 2}}])
def test_judgements_on_other_articles_are_refused(qrels: dict[str, dict[str, int]]) -> None:
    with pytest.raises(EvaluationError, match="no judged pair is among the articles; check that both files belong"):
        Pairs.of(qrels, {"a": 0, "b": 1})
