"""A linear map on frozen embeddings that brings articles of one story together.

Contrastive learning (InfoNCE; van den Oord et al., 2018) with in-batch and hard negatives, held near the identity so
that what the encoder knows of texts unlike the training ones is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.errors import EvaluationError

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


@dataclass(frozen=True, slots=True)
class Pairs:
    """Judged pairs as rows of the embeddings.

    Attributes:
        positives: by query row, the rows related to it and their grades.
        judged: by query row, all rows with any grade, unknown ones too: never negatives.
    """

    positives: Mapping[int, tuple[IntArray, FloatArray]]
    judged: Mapping[int, IntArray]

    @classmethod
    def of(cls, qrels: Mapping[str, Mapping[str, int]], rows: Mapping[str, int]) -> Pairs:
        """Pairs of articles that are both among ``rows`` (row by id).

        Raises:
            EvaluationError: when there is not one.
        """
        positives, judged = {}, {}
        for query, grades in qrels.items():
            known = {rows[document]: grade for document, grade in grades.items() if document in rows}
            related = {row: grade for row, grade in known.items() if grade > 0}
            if query in rows and related:
                grade = np.fromiter(related.values(), np.float32)
                positives[rows[query]] = np.fromiter(related, np.int64), grade
                judged[rows[query]] = np.fromiter([rows[query], *known], np.int64)
        if not positives:
            raise EvaluationError("no judged pair is among the articles; check that both files belong together")
        return cls(positives, judged)


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

    def loss_of(batch: _Batch) -> torch.Tensor:
        queries = functional.normalize(vectors[batch.queries] @ weight, dim=1)
        documents = functional.normalize(vectors[batch.documents] @ weight, dim=1)
        scores = (queries @ documents.T / recipe.temperature).masked_fill(torch.from_numpy(batch.hidden), -1e4)
        target = torch.arange(len(batch.queries))
        backwards = functional.cross_entropy(scores[:, : len(target)].T, target)
        return functional.cross_entropy(scores, target) + 0.5 * backwards

    best, best_loss, best_step = weight.detach().clone(), float("inf"), 0
    for step in range(recipe.steps + 1):
        if step % recipe.check_every == 0 or step == recipe.steps:
            with torch.no_grad():
                loss = float(np.mean([loss_of(batch).item() for batch in checks]))
            progress(step, loss)
            if loss < best_loss:
                best, best_loss, best_step = weight.detach().clone(), loss, step
        if step == recipe.steps:
            break
        total = loss_of(next(batches)) + recipe.identity * ((weight - identity) ** 2).sum()
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return best.numpy(), best_step


@dataclass(frozen=True, slots=True)
class _Batch:
    queries: IntArray
    documents: IntArray
    hidden: NDArray[np.bool_]


def _batches(pairs: Pairs, hard: Mapping[int, IntArray], recipe: Recipe, rng: np.random.Generator) -> Iterator[_Batch]:
    """Batches without end: long stories are drawn a little more often, nearer pairs (grade 3) too."""
    rows = np.fromiter(pairs.positives, np.int64)
    often = np.array([len(pairs.positives[row][0]) ** 0.25 for row in rows.tolist()])
    chances = {row: (g := np.where(grades >= 3, 1.5, 1.0)) / g.sum() for row, (_, grades) in pairs.positives.items()}
    size = min(recipe.batch, len(rows))
    while True:
        queries = rng.choice(rows, size, replace=False, p=often / often.sum())
        related = [rng.choice(pairs.positives[row][0], p=chances[row]) for row in queries.tolist()]
        negatives = [rng.choice(hard[row], recipe.hard_negatives) for row in queries.tolist()]
        documents = np.concatenate([np.array(related), np.concatenate(negatives)])
        hidden = np.array([np.isin(documents, pairs.judged[row]) for row in queries.tolist()])
        hidden[np.arange(size), np.arange(size)] = False
        yield _Batch(queries, documents, hidden)


def _hard_negatives(embeddings: FloatArray, pairs: Pairs, most: int = 50) -> dict[int, IntArray]:
    """By query row, the nearest rows that nobody judged related to it."""
    negatives: dict[int, IntArray] = {}
    rows = np.fromiter(pairs.positives, np.int64)
    for start in range(0, len(rows), 512):
        block = rows[start : start + 512]
        depth = min(4 * most, len(embeddings) - 1)
        nearest = np.argpartition(-(embeddings[block] @ embeddings.T), depth, axis=1)[:, :depth]
        for row, near in zip(block.tolist(), nearest, strict=True):
            apart = near[~np.isin(near, pairs.judged[row])]
            order = np.argsort(-(embeddings[apart] @ embeddings[row]), kind="stable")
            negatives[row] = apart[order][:most] if len(apart) else np.delete(np.arange(len(embeddings)), row)[:most]
    return negatives
