"""Whether an index finds the nearest embeddings that it should find."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32

RECALL_AT = 10
_SEED = 7
_BLOCK = 16_384


class Searchable(Protocol):
    """Whatever finds nearest embeddings."""

    def search(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Rows of about the k nearest to ``query`` (d,), nearest first."""


def sampled_recall(index: Searchable, embeddings: NDArray[np.float16], sample: int, depth: int) -> float:
    """The share of a sample's ten exact nearest neighbours that are among ``depth`` results of the index.

    The ranker scores candidates by their exact embeddings, so a neighbour anywhere among the candidates is found.
    """
    count = len(embeddings)
    if count < 2:
        return 1.0
    rows = np.random.default_rng(_SEED).choice(count, min(sample, count), replace=False)
    queries = to_float32(embeddings[rows])
    k = min(RECALL_AT, count)
    best = np.full((k, len(rows)), -np.inf, np.float32)
    for start in range(0, count, _BLOCK):
        scores = np.concatenate([best, to_float32(embeddings[start : start + _BLOCK]) @ queries.T])
        best = np.partition(scores, len(scores) - k, axis=0)[-k:]
    enough = best[0] - 1e-5  # of equally near ones, copies say, any will do
    near = (to_float32(embeddings[index.search(query, max(depth, k))]) @ query for query in queries)
    hits = [np.count_nonzero(scores >= least) for scores, least in zip(near, enough, strict=True)]
    return float(np.minimum(hits, k).mean()) / k
