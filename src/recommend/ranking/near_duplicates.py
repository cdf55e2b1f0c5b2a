"""The one rule for near-duplicates: alike in meaning, and said in the same words.

Numbers are looked at by themselves. Where they are others, fewer of the words need be the same: that is an update, the
same report with a new toll, of which the newest is shown. What goes on in other words is a story's next piece, however
alike in meaning, and no duplicate of what it follows. What was chosen on which pairs is in docs/relevance.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recommend.arrays import to_float32, unique_inverse
from recommend.index.dates import MISSING
from recommend.index.lexical import TermMatrix, dense_rows
from recommend.index.lexicon import TermVector
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.candidates import FEATURES, Candidates, rounded
from recommend.ranking.repeats import Repeats
from recommend.settings import PolicySettings

BoolArray = NDArray[np.bool_]
DoubleArray = NDArray[np.float64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_PAIRS_AT_ONCE = 4_096
_NUMBERS = 0.05  # of the weight of both: below, numbers are by the way
_SUCCEEDS = 30 * 86_400  # seconds within which an update stands in for what it updates
_LEAST_LEXICAL = 0.4  # what has less has too few words in common, whatever the numbers are


def similarity(view: View, candidates: Candidates) -> DoubleArray:
    """Dense cosines (n, n) between candidates; those of two are the same whatever the others are, as such products of
    half precision add up without rounding."""
    embeddings = to_float32(_embeddings(view, candidates)).astype(np.float64)
    return embeddings @ embeddings.T


def among(
    view: View, candidates: Candidates, rules: PolicySettings, known: Repeats | None = None
) -> tuple[BoolArray, BoolArray]:
    """Which (n, n) of candidates are near-duplicates, and which of those are updates, one of the other; ``known`` is
    what need not be found."""
    places = None if known is None else known.of(candidates)
    if known is not None and places is not None:
        return known.among(places)
    near = similarity(view, candidates) >= rules.duplicate_dense
    np.fill_diagonal(near, False)
    same, updates = np.zeros((2, *near.shape), np.bool_)
    some = np.flatnonzero(near.any(axis=0))
    if len(some):
        copies, updated = compare(_vectors(view, candidates.take(some)), view.snapshot.lexicon.numeric, rules)
        within = np.ix_(some, some)
        same[within], updates[within] = near[within] & (copies | updated), near[within] & updated
    return same, updates


def copies(view: View, places: Sequence[tuple[int, int]], rules: PolicySettings) -> BoolArray:
    """(n, n) which of the articles at some places (segment, row) say the same in the same words; not those that update
    one another."""
    parts = [
        Candidates.of(number, np.array([row]), view.segments[number].groups[[row]], np.zeros((1, len(FEATURES)), "f4"))
        for number, row in places
    ]
    same, updates = among(view, Candidates.joined(parts), rules)
    groups = np.array([view.group(place) for place in places], np.uint64)
    mask: BoolArray = (same & ~updates) | (groups[:, None] == groups)
    return mask


def of_query(
    view: View, query: Query, candidates: Candidates, rules: PolicySettings, known: Repeats | None = None
) -> BoolArray:
    """(n,) which are near-duplicates of the query; a newer update of it is none. ``known``: pairs compared before."""
    places = None if known is None else known.of(candidates)
    compared = with_query(view, query, candidates, rules) if known is None or places is None else known.of_query(places)
    return superseded(view, query, candidates, *compared)


def superseded(view: View, query: Query, candidates: Candidates, copies: BoolArray, updates: BoolArray) -> BoolArray:
    """(n,) which are left out under a query, from the result of :func:`with_query`."""
    return copies | (updates & ~_newer(view, query, candidates)) if updates.any() else copies


def updates_of(view: View, query: Query, candidates: Candidates, rules: PolicySettings) -> BoolArray:
    """(n,) which are newer than the query and update it: the same report with other numbers."""
    return with_query(view, query, candidates, rules)[1] & _newer(view, query, candidates)


def with_query(view: View, query: Query, candidates: Candidates, rules: PolicySettings) -> tuple[BoolArray, BoolArray]:
    """(n,) which say the same as the query in the same words, and which with other numbers."""
    some = np.flatnonzero(comparable(candidates.feature("dense"), candidates.feature("lexical"), rules))
    copies, updates = np.zeros((2, len(candidates)), np.bool_)
    if len(some):
        vectors = [query.terms, *_vectors(view, candidates.take(some))]
        same, updated = compare(vectors, view.snapshot.lexicon.numeric, rules, rows=1)
        copies[some], updates[some] = same[0, 1:], updated[0, 1:]
    return copies, updates


def comparable(dense: FloatArray, lexical: FloatArray, rules: PolicySettings) -> BoolArray:
    """Which may tell the same as a query, of their cosines with it."""
    mask: BoolArray = (rounded(dense) >= rules.duplicate_dense) & (rounded(lexical) >= _LEAST_LEXICAL)
    return mask


def _newer(view: View, query: Query, candidates: Candidates) -> BoolArray:
    return (query.published_at != MISSING) & (published(view, candidates) > query.published_at)


def compare(
    vectors: Sequence[TermVector], numeric: BoolArray, rules: PolicySettings, rows: int | None = None
) -> tuple[BoolArray, BoolArray]:
    """Which of n articles say the same in the same words, and which in enough of them where the numbers are others: two
    of (rows, n), apart from each other.

    Args:
        vectors: (n,) of the articles.
        numeric: (v,) which terms hold digits.
        rules: how much must be the same; what stands beside words does not count.
        rows: how many of the articles all are compared with, from the first; None for all.
    """
    columns, weights = dense_rows(vectors)
    weights = weights.astype(np.float64)  # so that what else is compared changes no sum that can be told
    beside, weights = np.minimum(weights, 0.0), np.maximum(weights, 0.0)
    numbers, words = weights[:, numeric[columns]], weights[:, ~numeric[columns]]
    lengths = np.linalg.norm(words, axis=1)
    whole = np.sqrt(np.maximum(1 - (beside**2).sum(axis=1), 1e-9))
    words /= np.maximum(lengths, 1e-9)[:, None]
    cosines = words[:rows] @ words.T
    present = (numbers > 0).astype(np.float64)
    count = present.sum(axis=1)
    others = present[:rows] @ present.T < np.maximum(count[:rows, None], count)
    telling = _tells(count, lengths / whole)
    return _decided(cosines, others & telling[:rows, None] & telling, rules)


def compare_pairs(
    matrix: TermMatrix, numeric: BoolArray, left: IntArray, right: IntArray, rules: PolicySettings
) -> tuple[BoolArray, BoolArray]:
    """What :func:`compare` finds of pairs (m,) of a matrix's articles: sooner where many have few articles in common.

    Args:
        matrix: of the articles.
        numeric: (v,) which terms hold digits.
        left, right: (m,) rows.
        rules: how much must be the same.
    """
    rows, place = unique_inverse(np.concatenate([left, right]), matrix.rows.shape[0])
    some = matrix.rows[rows]
    owner, digits = np.repeat(np.arange(len(rows)), np.diff(some.indptr)), numeric[some.indices]
    words = np.where(digits, 0.0, np.maximum(some.data, 0.0))
    lengths = np.sqrt(np.bincount(owner, words**2, minlength=len(rows)))
    beside = np.bincount(owner, np.minimum(some.data, 0.0) ** 2, minlength=len(rows))
    words /= np.maximum(lengths, 1e-9)[owner]
    present = (digits & (some.data > 0)).astype(np.float64)
    count = np.bincount(owner, present, minlength=len(rows))
    telling = _tells(count, lengths / np.sqrt(np.maximum(1 - beside, 1e-9)))
    one, other = place[: len(left)], place[len(left) :]
    cosines, shared = np.zeros((2, len(left)))
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        for sums, data in ((cosines, words), (shared, present)):
            weighed = sparse.csr_array((data, some.indices, some.indptr), shape=some.shape)
            sums[block] = weighed[one[block]].multiply(weighed[other[block]]).sum(axis=1)
    others = shared < np.maximum(count[one], count[other])
    return _decided(cosines, others & telling[one] & telling[other], rules)


def _tells(count: NDArray[np.number], lengths: NDArray[np.floating]) -> BoolArray:
    """(n,) which articles tell enough by numbers, of how many each has, and how long it is without."""
    mask: BoolArray = (count > 0) & (1 - lengths**2 >= _NUMBERS)
    return mask


def _decided(cosines: NDArray[np.floating], others: BoolArray, rules: PolicySettings) -> tuple[BoolArray, BoolArray]:
    """Which say the same in the same words, and which tell ``others`` of numbers in enough of them."""
    updates = others & (cosines >= rules.update_lexical)
    return (cosines >= rules.duplicate_lexical) & ~updates, updates


def newest(
    view: View, candidates: Candidates, taken: IntArray, same: BoolArray, updates: BoolArray, pinned: int
) -> IntArray:
    """The positions ``taken``, in the place of each but the first ``pinned`` its newest update of the next month, if it
    has any that repeats none of the others and ranks no lower than the last of them, so that nothing below has a say;
    ``same`` and ``updates`` as :func:`among` finds them."""
    moments, found = published(view, candidates), taken.copy()
    for place in range(pinned, len(taken)):
        own = moments[taken[place]]
        if own == MISSING:
            continue
        rest = np.delete(found, place)
        later = updates[taken[place]] & (moments > own) & (moments <= own + _SUCCEEDS) & ~same[rest].any(axis=0)
        later[rest] = later[taken.max() + 1 :] = False
        if later.any():
            found[place] = np.argmax(np.where(later, moments, MISSING))
    return found


def published(view: View, candidates: Candidates) -> IntArray:
    """(n,) seconds since 1970, MISSING where unknown."""
    if not candidates.segments.any():
        return view.segments[0].table.published_at[candidates.rows]
    return np.array([view.segments[s].table.published_at[row] for s, row in candidates.places], np.int64)


def _embeddings(view: View, candidates: Candidates) -> NDArray[np.float16]:
    """(n, d), as segments hold them."""
    if not candidates.segments.any():
        return view.segments[0].embeddings[candidates.rows]
    return np.array([view.segments[s].embeddings[row] for s, row in candidates.places])


def _vectors(view: View, candidates: Candidates) -> list[TermVector]:
    return [view.segments[s].matrix.vector(row) for s, row in candidates.places]
