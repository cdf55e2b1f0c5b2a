"""Tuning the real model on a handful of texts: what it learns, what it must leave, and that it does so again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.encoder import open_encoder
from recommend.encoder.manifest import read_manifest
from recommend.settings import EncoderSettings
from recommend.training.encoder import Texts, TuningRecipe, tune_encoder
from recommend.training.pairs import Pairs

RECIPE = TuningRecipe(steps=6, batch=12, rank=2, layers=1, tokens=16, hold=0.0, check_every=3)
PLACES = ["Lyon", "Oslo", "Lima", "Cairo", "Perth", "Quito", "Kyoto", "Tunis"]
EVENTS = ["A storm floods the harbour of", "The mayor resigns in", "Voters queue for hours in"]
IDENTITY = np.eye(384, dtype=np.float32)

Learned = tuple[dict[str, NDArray[np.float16]], NDArray[np.float32], int]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Batches this small take longer with several threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def source(models: Path) -> Path:
    return read_manifest(models / "all-MiniLM-L6-v2").source()


@pytest.fixture(scope="module")
def articles(models: Path) -> Texts:
    """The same three events in each of eight places: only the place tells the story."""
    texts = [f"{event} {place}." for place in PLACES for event in EVENTS]
    embeddings = open_encoder(EncoderSettings(name="all-MiniLM-L6-v2"), models).encode(texts)
    return Texts(texts, texts, np.arange(len(texts)) // 6, embeddings)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    stories = [range(start, start + 3) for start in range(0, 24, 3)]
    qrels = {str(row): {str(other): 2 for other in story if other != row} for story in stories for row in story}
    return Pairs.of(qrels, {str(row): row for row in range(24)})


def learned(source: Path, articles: Texts, pairs: Pairs, recipe: TuningRecipe, told: dict[int, float]) -> Learned:
    return tune_encoder(source, articles, IDENTITY, pairs, pairs, recipe, progress=told.__setitem__)


def test_the_loss_falls_and_only_the_upper_layers_change(source: Path, articles: Texts, pairs: Pairs) -> None:
    told: dict[int, float] = {}
    thin, adapter, step = learned(source, articles, pairs, RECIPE, told)
    assert (step, list(told)) == (6, [0, 3, 6])
    assert told[6] < told[3] < told[0]
    assert {name.rpartition(".")[0] for name in thin} == {
        f"encoder.layer.5.{part}"
        for part in (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        )
    }
    assert thin["encoder.layer.5.intermediate.dense.in"].shape == (384, 2)
    assert thin["encoder.layer.5.intermediate.dense.out"].shape == (2, 1536)
    assert all(part.dtype == np.float16 and np.isfinite(part).all() for part in thin.values())
    assert adapter.shape == (384, 384)
    assert not np.array_equal(adapter, IDENTITY)


def test_the_same_seed_gives_the_same_change_and_another_seed_another(
    source: Path, articles: Texts, pairs: Pairs
) -> None:
    short = replace(RECIPE, steps=2)
    first, again, other = (learned(source, articles, pairs, replace(short, seed=seed), {})[0] for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_embeddings_are_held_near_those_before(source: Path, articles: Texts, pairs: Pairs) -> None:
    def change(hold: float) -> float:
        thin, *_ = learned(source, articles, pairs, replace(RECIPE, hold=hold, steps=8), {})
        outer = thin["encoder.layer.5.output.dense.out"].astype(np.float64)
        return float(np.linalg.norm(thin["encoder.layer.5.output.dense.in"].astype(np.float64) @ outer))

    assert change(1000.0) < change(0.0)


def test_the_state_that_is_kept_is_the_best_on_the_held_out_pairs(source: Path, articles: Texts, pairs: Pairs) -> None:
    texts, twice = articles.texts[:12], np.tile(articles.embeddings[:12], (2, 1))
    twins = Texts([*texts, *texts], [*texts, *texts], articles.days, twice)
    same = Pairs.of({str(i): {str((i + 12) % 24): 2} for i in range(24)}, {str(i): i for i in range(24)})
    told: dict[int, float] = {}
    thin, adapter, step = learned(source, twins, same, replace(RECIPE, learning_rate=30.0), told)
    assert step == min(told, key=told.__getitem__) == 0
    assert np.array_equal(adapter, IDENTITY)
    assert all(not part.any() for name, part in thin.items() if name.endswith(".out"))


def test_a_tuned_encoder_is_tuned_further_and_keeps_what_it_had(
    source: Path, articles: Texts, pairs: Pairs, tmp_path: Path
) -> None:
    first, *_ = learned(source, articles, pairs, RECIPE, {})
    np.savez(tmp_path / "tuning.npz", allow_pickle=False, **first)
    second, _, step = tune_encoder(source, articles, IDENTITY, pairs, pairs, RECIPE, tuning=tmp_path / "tuning.npz")
    assert step > 0
    for name in ("encoder.layer.5.output.dense.in", "encoder.layer.5.output.dense.out"):
        axis = 1 if name.endswith(".in") else 0
        assert second[name].shape[axis] == 2 * RECIPE.rank
        assert np.array_equal(np.take(second[name], range(RECIPE.rank), axis), first[name])
    assert second["encoder.layer.5.output.dense.out"][RECIPE.rank :].any()
