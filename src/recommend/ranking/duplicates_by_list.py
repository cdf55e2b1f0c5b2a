"""Near-duplicates within many ready lists at once: a pair that several lists hold is compared once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import to_float32
from recommend.index.lists import LISTED, Lists
from recommend.index.view import View
from recommend.ranking.near_duplicates import comparable, compare_pairs
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_LISTS_AT_ONCE = 64  # of which the embeddings still fit a cache


def of_lists(
    view: View, rules: PolicySettings, rows: IntArray, lists: Lists
) -> tuple[tuple[BoolArray, BoolArray], tuple[BoolArray, BoolArray]]:
    """What :func:`~recommend.ranking.near_duplicates.with_query` and
    :func:`~recommend.ranking.near_duplicates.among` find of the candidates of the lists (b,) of some articles: two of
    (b, LISTED), and two of (b, LISTED, LISTED). Pairs that several lists hold are compared once.

    Args:
        view: of the snapshot alone.
        rules: how much must be the same.
        rows: (b,) of the articles.
        lists: (b,) with rows and cosines of their candidates.
    """
    segment, count = view.segments[0], len(view.segments[0])
    listed = np.arange(LISTED) < lists["count"][:, None]
    alike = comparable(lists["dense"], lists["lexical"], rules) & listed
    near = _near(segment.embeddings, lists["rows"], rules.duplicate_dense) & listed[:, :, None] & listed[:, None, :]
    one, place = np.nonzero(alike)
    among, lower, higher = np.nonzero(np.triu(near, 1))
    others = lists["rows"].astype(np.int64)
    left = np.concatenate([rows[one], others[among, lower]])
    right = np.concatenate([others[one, place], others[among, higher]])
    keys, where = np.unique(np.minimum(left, right) * count + np.maximum(left, right), return_inverse=True)
    numeric = view.snapshot.lexicon.numeric
    copies, updates = (found[where] for found in compare_pairs(segment.matrix, numeric, *np.divmod(keys, count), rules))
    with_query = np.zeros((2, *alike.shape), np.bool_)
    with_query[0][one, place], with_query[1][one, place] = copies[: len(one)], updates[: len(one)]
    each = np.zeros((2, *near.shape), np.bool_)
    each[0][among, lower, higher], each[1][among, lower, higher] = (copies | updates)[len(one) :], updates[len(one) :]
    each |= each.transpose(0, 1, 3, 2)
    return (with_query[0], with_query[1]), (each[0], each[1])


def _near(embeddings: NDArray[np.float16], rows: NDArray[np.int32], least: float) -> BoolArray:
    """(b, c, c) which articles at rows (b, c) are so near to each other, as
    :func:`~recommend.ranking.near_duplicates.similarity` tells."""
    near = np.zeros((len(rows), rows.shape[1], rows.shape[1]), np.bool_)
    for start in range(0, len(rows), _LISTS_AT_ONCE):
        block = slice(start, start + _LISTS_AT_ONCE)
        vectors = to_float32(embeddings[rows[block]]).astype(np.float64)
        near[block] = vectors @ vectors.transpose(0, 2, 1) >= least
    return near
