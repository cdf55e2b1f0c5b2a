"""The neighbourhood of a corpus: whom each article is expanded by, and what is measured on the way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from random_corpus import some_embeddings, some_matrix
from recommend.index.dates import MISSING
from recommend.index.dense import KINDS, VectorIndex
from recommend.index.expansion import mean_similarity, nearest, units
from recommend.index.lexical import TermMatrix
from recommend.index.neighbourhood import Neighbourhood
from recommend.settings import IndexSettings

COUNT = 40
BRIEF, LONG = 20.0, 500.0
DATES = np.where(np.arange(COUNT) % 3, 1_700_000_000 + np.arange(COUNT) * 86_400, MISSING)
ALONE = np.arange(COUNT) % 4 == 0


@pytest.fixture(scope="module")
def embeddings() -> NDArray[np.float32]:
    return some_embeddings(COUNT)


@pytest.fixture(scope="module")
def matrix() -> TermMatrix:
    return some_matrix(COUNT)


def measured(
    embeddings: NDArray[np.float32], matrix: TermMatrix, typical_words: float, alone: NDArray[np.bool_] | None = None
) -> Neighbourhood:
    index, groups = VectorIndex.build(embeddings, KINDS["flat"]), np.arange(COUNT, dtype=np.uint64)
    return Neighbourhood.of(embeddings, index, matrix, DATES, groups, typical_words, IndexSettings(), alone)


def test_of_brief_items_each_is_expanded_by_its_nearest_but_those_that_stand_alone(
    embeddings: NDArray[np.float32], matrix: TermMatrix
) -> None:
    index, spread = VectorIndex.build(embeddings, KINDS["flat"]), units(embeddings, matrix)
    rows, by_content = nearest(embeddings, index, matrix, DATES, spread, IndexSettings().expansion_time)
    everybody, some = (measured(embeddings, matrix, BRIEF, alone) for alone in (None, ALONE))
    assert everybody.expands
    np.testing.assert_array_equal(everybody.rows, rows)
    np.testing.assert_array_equal(some.rows[~ALONE], rows[~ALONE])
    np.testing.assert_array_equal(some.rows[ALONE], np.repeat(np.flatnonzero(ALONE)[:, None], rows.shape[1], axis=1))
    assert some.rows.dtype == np.int32
    for one in (everybody, some):
        np.testing.assert_array_equal(one.by_content, by_content)
        assert (one.units, one.similarity) == (spread, mean_similarity(matrix, by_content))


def test_of_long_texts_whose_nearest_are_about_something_else_each_stands_alone(
    embeddings: NDArray[np.float32], matrix: TermMatrix
) -> None:
    long = measured(embeddings, matrix, LONG)
    assert not long.expands
    np.testing.assert_array_equal(long.rows, np.repeat(np.arange(COUNT)[:, None], long.rows.shape[1], axis=1))
    np.testing.assert_array_equal(long.by_content, measured(embeddings, matrix, BRIEF).by_content)
