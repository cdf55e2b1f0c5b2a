"""Arrays as they are kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from recommend.arrays import load_mmap, to_float32, union, unique_inverse


def test_every_finite_half_widens_to_the_same_number() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    wide = to_float32(halves)
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide.view(np.int32), halves.astype(np.float32).view(np.int32))


def test_widening_keeps_the_shape_and_leaves_single_precision_alone() -> None:
    halves = np.ones((6, 4), np.float16)
    assert to_float32(halves[::2]).shape == (3, 4)
    single = np.ones(3, np.float32)
    assert to_float32(single) is single


def test_files_are_mapped_as_plain_arrays_that_cannot_be_written(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    array = load_mmap(tmp_path / "a.npy")
    assert type(array) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"pickle|Python objects"):
        load_mmap(tmp_path / "a.npy")


@given(npst.arrays(np.int64, npst.array_shapes(max_dims=2, min_side=0), elements=st.integers(0, 49)))
def test_distinct_rows_are_those_of_a_sorting_search(rows: np.ndarray) -> None:
    expected, places = np.unique(rows, return_inverse=True)
    found, at = unique_inverse(rows, 50)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(at, places.reshape(rows.shape))


@given(st.lists(st.lists(st.integers(-5, 40), max_size=20), min_size=1, max_size=4))
def test_a_union_is_numpys_own(parts: list[list[int]]) -> None:
    arrays = [np.array(part, np.int64) for part in parts]
    assert union(arrays).tolist() == np.unique(np.concatenate(arrays)).tolist()
