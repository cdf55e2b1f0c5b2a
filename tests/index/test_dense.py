"""Every kind of FAISS index against exact search."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.errors import SettingsError, SnapshotError
from recommend.index.dense import KINDS, VectorIndex, choose_kind, exact_search, nearest_within, scans_exactly

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Built = tuple[str, VectorIndex, VectorIndex]
COUNT, DIMENSION, DEPTH = 6_000, 64, 200


@pytest.fixture(scope="module")
def vectors() -> Floats:
    """Stories: 150 clusters of unequal size plus noise, of unit length, as precise as float16."""
    chance = np.random.default_rng(5)
    which = chance.choice(150, COUNT, p=chance.dirichlet(np.ones(150)))
    points = chance.normal(size=(150, DIMENSION))[which] + chance.normal(scale=0.7, size=(COUNT, DIMENSION))
    return np.asarray((points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16), np.float32)


@pytest.fixture(scope="module")
def queries(vectors: Floats) -> Floats:
    """Near the vectors, and of any length."""
    chance = np.random.default_rng(6)
    noisy = vectors[chance.choice(COUNT, 60)] + chance.normal(scale=0.05, size=(60, DIMENSION))
    return np.asarray(noisy * chance.uniform(0.01, 30.0, size=(60, 1)), np.float32)


@pytest.fixture(scope="module", params=list(KINDS))
def built(request: pytest.FixtureRequest, vectors: Floats, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The name of a kind, its index, and the same index saved and opened again."""
    index = VectorIndex.build(vectors, KINDS[request.param])
    path = tmp_path_factory.mktemp("index") / "vectors.faiss"
    index.save(path)
    return request.param, index, VectorIndex.load(path, KINDS[request.param], vectors)


def recall(exact: Iterable[Ints], found: Iterable[Ints]) -> float:
    return float(np.mean([np.isin(best, some) for best, some in zip(exact, found, strict=True)]))


def test_exact_search_is_a_sort_by_inner_product_with_ties_by_row() -> None:
    vectors = np.array([[1, 0], [0, 1], [2, 0], [1, 0]], np.float32)
    query = np.array([3, 0], np.float32)
    assert exact_search(vectors, query, 3, np.arange(4)).tolist() == [2, 0, 3]
    assert exact_search(vectors, query, 9, np.array([1, 3])).tolist() == [3, 1]


@given(
    st.integers(0, 2**32), st.integers(1, 40), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), max_size=9)
)
def test_the_nearest_of_a_span_are_those_that_exact_search_finds_in_it(
    seed: int, k: int, ends: list[tuple[int, int]]
) -> None:
    chance = np.random.default_rng(seed)
    points = chance.normal(size=(12, 32)) + 0.001 * chance.normal(size=(7, 12, 32))
    vectors = (points / np.linalg.norm(points, axis=2, keepdims=True)).reshape(-1, 32).astype(np.float32)
    vectors = vectors[chance.integers(0, len(vectors), 80)]  # some twice: ties are by row
    rows, queries = chance.permutation(1_000)[:80], vectors[chance.integers(0, 80, len(ends))]
    spans = [slice(min(pair), max(pair)) for pair in ends]
    found = nearest_within(vectors, queries, k, rows, spans)
    for query, span, near in zip(queries, spans, found, strict=True):
        scores = np.einsum("nd,d->n", vectors[span], query)
        assert set(near.tolist()) == set(rows[span][np.lexsort((rows[span], -scores))[:k]].tolist())


@pytest.mark.parametrize("share", [None, 0.5, 0.1])
def test_every_kind_finds_what_exact_search_finds_among_the_allowed_rows(
    built: Built, vectors: Floats, queries: Floats, share: float | None
) -> None:
    name, *indexes = built
    allowed = None if share is None else np.random.default_rng(8).random(COUNT) < share
    rows = np.arange(COUNT) if allowed is None else np.flatnonzero(allowed)
    exact = [exact_search(vectors, query, 10, rows) for query in queries]
    for index in indexes:
        found = [index.search(query, DEPTH, allowed) for query in queries]
        assert all(np.isin(some, rows).all() and len(np.unique(some)) == len(some) for some in found)
        assert recall(exact, found) >= (1.0 if name == "flat" else 0.95)
        together = index.search_each(queries, DEPTH, allowed)
        assert [np.sort(some).tolist() for some in together] == [np.sort(some).tolist() for some in found]
    if allowed is None:
        rows, products = indexes[0].search_many(queries, DEPTH)
        assert recall(exact, rows) >= (1.0 if name == "flat" else 0.9)
        expected = np.einsum("md,mcd->mc", queries, vectors[rows])
        np.testing.assert_allclose(
            products[rows >= 0], expected[rows >= 0], rtol=0.05 if name == "ivf-sq8" else 1e-3, atol=1e-3
        )


def test_an_index_refilled_with_other_vectors_finds_those(built: Built, vectors: Floats, queries: Floats) -> None:
    name, index, _ = built
    others = vectors[::-2]
    refilled = index.refilled(others)
    exact = [exact_search(others, query, 10, np.arange(len(others))) for query in queries]
    found = [refilled.search(query, DEPTH) for query in queries]
    assert recall(exact, found) >= (1.0 if name == "flat" else 0.95)
    assert (len(refilled), len(index)) == (len(others), COUNT)


def test_a_search_gives_no_more_rows_than_there_are(built: Built, queries: Floats) -> None:
    name, index, _ = built
    three = np.isin(np.arange(COUNT), [7, 70, 700])
    assert set(index.search(queries[0], 10, three)) <= {7, 70, 700}
    assert len(index.search(queries[0], 10, np.zeros(COUNT, np.bool_))) == 0
    found = index.search(queries[0], COUNT + 5)
    assert len(found) == len(np.unique(found)) <= COUNT == len(index)
    assert len(found) == COUNT or name != "flat"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_kind_takes_a_handful_of_vectors(name: str, count: int, tmp_path: Path) -> None:
    few = np.eye(DIMENSION, dtype=np.float16)[:count]
    VectorIndex.build(few, KINDS[name]).save(tmp_path / "vectors.faiss")
    opened = VectorIndex.load(tmp_path / "vectors.faiss", KINDS[name], few)
    assert len(opened) == count
    if count:
        assert opened.search(np.eye(DIMENSION, dtype=np.float32)[0], 5)[0] == 0


def test_the_kind_follows_the_size_of_the_corpus_unless_it_is_named() -> None:
    sizes = {0: "flat", 20_000: "flat", 20_001: "ivf-pq", 10_000_000: "ivf-pq"}
    assert {count: choose_kind("auto", count).name for count in sizes} == sizes
    assert choose_kind("ivf-sq8", 5).name == "ivf-sq8"
    with pytest.raises(
        SettingsError, match=r"indexing.kind 'hnsw' is unknown: there are auto, flat, ivf-pq, ivf-sq8, ivf-rab"
    ):
        choose_kind("hnsw", 5)


def test_tight_filters_are_scanned() -> None:
    assert not scans_exactly(None)
    assert [scans_exactly(np.arange(100_000) < few) for few in (2_000, 2_001)] == [True, False]
    assert scans_exactly(np.arange(1_000_000) < 20_000)


def test_a_file_that_is_no_index_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "vectors.faiss").write_bytes(b"nonsense")
    with pytest.raises(SnapshotError, match=r"vectors.faiss is not a FAISS index"):
        VectorIndex.load(tmp_path / "vectors.faiss", KINDS["flat"], np.zeros((0, DIMENSION), np.float16))
