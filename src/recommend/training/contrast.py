"""Contrastive learning (InfoNCE; van den Oord et al., 2018), and the state of it that is best on what is held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

State = TypeVar("State")


def contrast(
    queries: torch.Tensor, documents: torch.Tensor, hidden: NDArray[np.bool_], temperature: float
) -> torch.Tensor:
    """The loss of queries (n, d) among documents (m, d) of unit length, of which the i-th belongs to the i-th query:
    each way round, documents under a query in full and queries under a document by half.

    Args:
        queries: of a batch.
        documents: of the batch, at least one for each query.
        hidden: (n, m) pairs that are no negatives.
        temperature: that cosines are divided by.
    """
    import torch
    from torch.nn import functional

    scores = (queries @ documents.T / temperature).masked_fill(torch.from_numpy(hidden), -1e4)
    target = torch.arange(len(queries))
    backwards = functional.cross_entropy(scores[:, : len(target)].T, target)
    return functional.cross_entropy(scores, target) + 0.5 * backwards


def learn(
    steps: int,
    look_every: int,
    step: Callable[[], None],
    held_out: Callable[[], list[torch.Tensor]],
    state: Callable[[], State],
    progress: Callable[[int, float], None],
) -> tuple[State, int]:
    """Takes the steps, and keeps the state that was best on what is held out.

    Args:
        steps: how many.
        look_every: after so many, and at the end, the state is looked at.
        step: takes one.
        held_out: losses of batches that nothing is learned from.
        state: a copy of what is learned.
        progress: called with step and held-out loss at every look.

    Returns:
        The state, and the step that it is from.
    """
    import torch

    best, best_loss, best_step = state(), float("inf"), 0
    for taken in range(steps + 1):
        if taken % look_every == 0 or taken == steps:
            with torch.no_grad():
                loss = float(np.mean([one.item() for one in held_out()]))
            progress(taken, loss)
            if loss < best_loss:
                best, best_loss, best_step = state(), loss, taken
        if taken < steps:
            step()
    return best, best_step


def descend(
    loss: torch.Tensor, optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> None:
    """Takes a step against a loss."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    schedule.step()
