"""A linear map on frozen embeddings that brings articles of one story together.

Contrastive learning (InfoNCE; van den Oord et al., 2018) with in-batch and hard negatives, held near the identity so
that what the encoder knows of texts unlike the training ones is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.training.contrast import contrast, descend, learn
from recommend.training.pairs import Batch, Pairs

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an adapter is trained; the defaults were chosen on the archive by years held out."""

    steps: int = 500
    batch: int = 256
    hard_negatives: int = 4
    temperature: float = 0.05
    learning_rate: float = 1e-3
    identity: float = 0.03
    check_every: int = 50
    seed: int = 0


def train_adapter(
    embeddings: FloatArray,
    training: Pairs,
    validation: Pairs,
    recipe: Recipe,
    progress: Callable[[int, float], None] = lambda *_: None,
) -> tuple[FloatArray, int]:
    """Learns the map, and keeps the state that was best on the validation pairs.

    Args:
        embeddings: (n, d) float32, centred, of unit length.
        training, validation: pairs of earlier and of later articles.
        recipe: how.
        progress: called with step and validation loss at every check.

    Returns:
        The map (d, d) float32, to be multiplied from the right, and the step it is from.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    vectors = torch.from_numpy(np.ascontiguousarray(embeddings, np.float32))
    identity = torch.eye(embeddings.shape[1])
    weight = identity.clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, recipe.steps, pct_start=0.1 if recipe.steps > 20 else 0.3
    )
    hard = _hard_negatives(embeddings, training)
    held_out = _batches(validation, _hard_negatives(embeddings, validation), recipe, np.random.default_rng(recipe.seed))
    checks = [next(held_out) for _ in range(8)]
    batches = _batches(training, hard, recipe, rng)

    def loss_of(batch: Batch) -> torch.Tensor:
        queries = functional.normalize(vectors[batch.queries] @ weight, dim=1)
        documents = functional.normalize(vectors[batch.documents] @ weight, dim=1)
        return contrast(queries, documents, batch.hidden, recipe.temperature)

    def step() -> None:
        loss = loss_of(next(batches)) + recipe.identity * ((weight - identity) ** 2).sum()
        descend(loss, optimiser, schedule)

    def state() -> FloatArray:
        return weight.detach().numpy().copy()

    return learn(recipe.steps, recipe.check_every, step, lambda: [loss_of(one) for one in checks], state, progress)


def _batches(pairs: Pairs, hard: Mapping[int, IntArray], recipe: Recipe, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end: long stories are drawn a little more often, nearer pairs too."""
    rows, chances = pairs.queries, pairs.chances()
    size = min(recipe.batch, len(rows))
    while True:
        queries = rng.choice(rows, size, replace=False, p=chances)
        related = [pairs.related(row, rng) for row in queries.tolist()]
        negatives = [rng.choice(hard[row], recipe.hard_negatives) for row in queries.tolist()]
        yield pairs.batch(queries, np.concatenate([np.array(related), np.concatenate(negatives)]))


def _hard_negatives(embeddings: FloatArray, pairs: Pairs, most: int = 50) -> dict[int, IntArray]:
    """By query row, the nearest rows that nobody judged related to it."""
    negatives: dict[int, IntArray] = {}
    rows = pairs.queries
    for start in range(0, len(rows), 512):
        block = rows[start : start + 512]
        depth = min(4 * most, len(embeddings) - 1)
        nearest = np.argpartition(-(embeddings[block] @ embeddings.T), depth, axis=1)[:, :depth]
        for row, near in zip(block.tolist(), nearest, strict=True):
            apart = near[~np.isin(near, pairs.judged[row])]
            order = np.argsort(-(embeddings[apart] @ embeddings[row]), kind="stable")
            negatives[row] = apart[order][:most] if len(apart) else np.delete(np.arange(len(embeddings)), row)[:most]
    return negatives
