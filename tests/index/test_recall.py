"""Recall, sampled: what an index finds of the nearest that comparing all gives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.index.snapshot.recall import RECALL_AT, sampled_recall

COUNT = 300


class Finding:
    """Finds a share of the nearest, and what is farthest in place of the others."""

    def __init__(self, embeddings: NDArray[np.float16], share: float) -> None:
        self._embeddings, self._share = embeddings.astype(np.float32), share

    def search(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        order = np.argsort(-(self._embeddings @ query))
        near = round(self._share * k)
        return np.concatenate([order[:near], order[::-1][: k - near]])


@pytest.fixture(scope="module")
def embeddings() -> NDArray[np.float16]:
    vectors = np.random.default_rng(5).normal(size=(COUNT, 8))
    scaled: NDArray[np.float16] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return scaled


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_the_nearest_that_is_found_is_the_recall(embeddings: NDArray[np.float16], share: float) -> None:
    assert sampled_recall(Finding(embeddings, share), embeddings, 50, RECALL_AT) == pytest.approx(share, abs=1e-6)


def test_among_more_results_more_of_the_nearest_are_found(embeddings: NDArray[np.float16]) -> None:
    assert sampled_recall(Finding(embeddings, 0.3), embeddings, 50, 4 * RECALL_AT) == pytest.approx(1.0)


def test_a_copy_of_one_of_the_nearest_is_as_good(embeddings: NDArray[np.float16]) -> None:
    twice = np.repeat(embeddings, 2, axis=0)
    assert sampled_recall(Finding(twice, 1.0), twice, 50, RECALL_AT) == 1.0


def test_of_one_article_or_none_nothing_can_be_missed(embeddings: NDArray[np.float16]) -> None:
    for count in (0, 1):
        assert sampled_recall(Finding(embeddings[:count], 1.0), embeddings[:count], 50, RECALL_AT) == 1.0
