from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from recommend.index.projection import Projection


@given(arrays(np.float32, st.tuples(st.integers(2, 9), st.just(4)), elements=st.floats(-1, 1, width=32)))
def test_projected_embeddings_have_unit_length_or_are_zero(embeddings: NDArray[np.float32]) -> None:
    projection = Projection.fit(embeddings)
    projected = projection.apply(embeddings)
    lengths = np.linalg.norm(projected, axis=1)
    assert np.all(np.isclose(lengths, 1.0, atol=1e-5) | (lengths == 0.0))
    assert np.all(lengths[~embeddings.any(axis=1)] == 0.0)
    assert np.array_equal(projected, np.concatenate([projection.apply(row[None, :]) for row in embeddings]))


def test_what_all_articles_share_is_taken_away() -> None:
    embeddings = np.array([[0.8, 0.6, 0.0], [0.8, -0.6, 0.0]], np.float16)
    assert Projection.fit(embeddings).apply(embeddings) == pytest.approx(np.array([[0, 1, 0], [0, -1, 0]]), abs=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_a_corpus_of_one_is_not_centred_into_nothing(count: int) -> None:
    projection = Projection.fit(np.ones((count, 3), np.float16))
    assert projection.apply(np.array([[0, 3, 4]])) == pytest.approx(np.array([[0, 0.6, 0.8]]))


def test_the_mean_of_many_half_precision_vectors_is_exact_and_comes_back_as_saved(tmp_path: Path) -> None:
    embeddings = np.full((100_000, 2), 0.1, np.float16)
    projection = Projection.fit(embeddings)
    assert projection.mean == pytest.approx(embeddings[0].astype(np.float32), rel=1e-6)
    projection.save(tmp_path / "projection")
    assert np.array_equal(Projection.load(tmp_path / "projection").mean, projection.mean)
