"""Every kind of FAISS index against exact search."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.errors import SettingsError, SnapshotError
from recommend.vectors import KINDS, Kind, VectorIndex, choose_kind, exact_search, scans_exactly

COUNT, DIMENSION, DEPTH = 6_000, 64, 200


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float16]:
    """Stories: 150 clusters of unequal size plus noise, of unit length."""
    chance = np.random.default_rng(5)
    centres = chance.normal(size=(150, DIMENSION))
    which = chance.choice(150, COUNT, p=chance.dirichlet(np.ones(150)))
    points = centres[which] + chance.normal(scale=0.7, size=(COUNT, DIMENSION))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float16)


@pytest.fixture(scope="module")
def queries(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """Members and newcomers, of any length."""
    chance = np.random.default_rng(6)
    members = vectors[chance.choice(COUNT, 60)].astype(np.float32)
    lengths = chance.uniform(0.01, 30.0, size=(60, 1))
    return ((members + chance.normal(scale=0.05, size=members.shape)) * lengths).astype(np.float32)


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def built(
    request: pytest.FixtureRequest, vectors: NDArray[np.float16], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kind, VectorIndex, VectorIndex]:
    """A kind, its index, and the same index saved and opened again."""
    kind: Kind = request.param
    index = VectorIndex.build(vectors, kind)
    path = tmp_path_factory.mktemp("index") / "vectors.faiss"
    index.save(path)
    return kind, index, VectorIndex.load(path, kind)


def recall(
    index: VectorIndex, vectors: NDArray[np.float16], queries: NDArray[np.float32], allowed: NDArray[np.bool_] | None
) -> float:
    rows = np.arange(COUNT) if allowed is None else np.flatnonzero(allowed)
    shares = [
        np.isin(exact_search(vectors, query, 10, rows), index.search(query, DEPTH, allowed)).mean() for query in queries
    ]
    return float(np.mean(shares))


def test_exact_search_is_a_sort_by_inner_product_with_ties_by_row() -> None:
    vectors = np.array([[1, 0], [0, 1], [2, 0], [1, 0]], np.float32)
    query = np.array([3, 0], np.float32)
    assert exact_search(vectors, query, 3, np.arange(4)).tolist() == [2, 0, 3]
    assert exact_search(vectors, query, 9, np.array([1, 3])).tolist() == [3, 1]


def test_every_kind_finds_what_exact_search_finds(
    built: tuple[Kind, VectorIndex, VectorIndex], vectors: NDArray[np.float16], queries: NDArray[np.float32]
) -> None:
    kind, *indexes = built
    for index in indexes:
        assert len(index) == COUNT
        assert recall(index, vectors, queries, None) >= (1.0 if kind.name == "flat" else 0.95)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_every_kind_finds_it_among_the_allowed_rows_only(
    built: tuple[Kind, VectorIndex, VectorIndex],
    vectors: NDArray[np.float16],
    queries: NDArray[np.float32],
    share: float,
) -> None:
    kind, *indexes = built
    allowed = np.random.default_rng(8).random(COUNT) < share
    for index in indexes:
        assert all(allowed[index.search(query, DEPTH, allowed)].all() for query in queries)
        assert recall(index, vectors, queries, allowed) >= (1.0 if kind.name == "flat" else 0.95)


def test_a_search_gives_distinct_rows_and_no_more_than_there_are(
    built: tuple[Kind, VectorIndex, VectorIndex], queries: NDArray[np.float32]
) -> None:
    kind, index, _ = built
    three = np.zeros(COUNT, np.bool_)
    three[[7, 70, 700]] = True
    assert set(index.search(queries[0], 10, three)) <= {7, 70, 700}
    assert len(index.search(queries[0], 10, np.zeros(COUNT, np.bool_))) == 0
    found = index.search(queries[0], COUNT + 5)
    assert len(found) == len(set(found.tolist())) <= COUNT
    if kind.name == "flat":
        assert len(found) == COUNT


def test_searching_again_gives_the_same_rows_in_the_same_order(
    built: tuple[Kind, VectorIndex, VectorIndex], queries: NDArray[np.float32]
) -> None:
    _, index, opened = built
    for query in queries[:10]:
        np.testing.assert_array_equal(index.search(query, 50), opened.search(query, 50))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_kind_takes_a_handful_of_vectors(name: str, count: int, tmp_path: Path) -> None:
    index = VectorIndex.build(np.eye(DIMENSION, dtype=np.float16)[:count], KINDS[name])
    index.save(tmp_path / "vectors.faiss")
    opened = VectorIndex.load(tmp_path / "vectors.faiss", KINDS[name])
    assert len(opened) == count
    if count:
        assert opened.search(np.eye(DIMENSION, dtype=np.float32)[0], 5)[0] == 0


def test_the_kind_follows_the_size_of_the_corpus_unless_it_is_named() -> None:
    sizes = {0: "flat", 20_000: "flat", 20_001: "ivf-sq8", 500_000: "ivf-sq8", 500_001: "ivf-rabitq"}
    assert {count: choose_kind("auto", count).name for count in sizes} == sizes
    assert choose_kind("ivf-sq8", 5).name == "ivf-sq8"
    with pytest.raises(SettingsError, match=r"indexing.kind 'hnsw' is unknown: there are auto, flat, ivf-sq8"):
        choose_kind("hnsw", 5)


def test_tight_filters_are_scanned() -> None:
    assert not scans_exactly(None)
    assert scans_exactly(np.arange(100_000) < 2_000)
    assert not scans_exactly(np.arange(100_000) < 2_001)
    assert scans_exactly(np.arange(1_000_000) < 20_000)


def test_a_file_that_is_no_index_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "vectors.faiss").write_bytes(b"nonsense")
    with pytest.raises(SnapshotError, match=r"vectors.faiss is not a FAISS index"):
        VectorIndex.load(tmp_path / "vectors.faiss", KINDS["flat"])
