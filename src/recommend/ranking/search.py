"""Finding articles by words: what an editor looks for, through the same index and overlay that answers come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommend.articles.article import Access
from recommend.articles.card import Card
from recommend.articles.languages import primary_language
from recommend.articles.text import terms
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.segment import Segment
from recommend.index.view import View
from recommend.ranking.masks import Masks, both
from recommend.ranking.newest import Dated, at_hand

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mark = tuple[float, str]
"""Where an article stands in a listing: minus its score or its date (seconds since 1970), and its id; less is first."""

_MATCHED = 200
_MOST_WORDS = 8
_MOST_LANGUAGES = 8
_NAMED = 10.0  # more than any words come to
_PLACES = 6


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a listing.

    Attributes:
        cards: of the articles, in order.
        total: how many articles there are on all pages.
        last: where the next page begins; None when this is the last one.
        partial: whether articles are missing that lie on a server of the index which does not answer.
    """

    cards: list[Card]
    total: int
    last: Mark | None
    partial: bool = False


def search(
    view: View, masks: Masks, words: str, count: int, after: Mark | None = None, *, public: bool = True
) -> Found:
    """A page of the articles that pass the masks: those that ``words`` find, best first, or all, newest first, where
    there are no words; ties by id.

    A word counts by its weight in the text, again where the headline has it, and one that the corpus did not have when
    it was indexed where it stands in the headline as written. An id finds its article first. Where most articles are
    not at hand, the 200 best matches are looked at, and headlines only of these.

    Args:
        view: the articles.
        masks: by segment (n,) which may be found; None where all may.
        words: to look for.
        count: how many a page has.
        after: where the page before ended.
        public: whether anybody is told: no word of a body that is not public finds its article then.
    """
    if not words.strip():
        pairs = zip(view.segments, masks, strict=True)
        total = sum(segment.passing(mask, masks.conditions) for segment, mask in pairs)
        return _page(view, _newest(view, masks, count + 1, after), count, total)
    lexicon = view.snapshot.lexicon
    columns, unknown = _looked_up(view, lexicon, words)
    view.segments[0].bring([words.strip()])
    wanted = TermVector(columns, _weights(lexicon, columns).astype(np.float32))
    view.segments[0].bring_matching(wanted, masks.conditions, _MATCHED)
    total, found = 0, []
    for number, (segment, mask) in enumerate(zip(view.segments, masks, strict=True)):
        scores = _scores(segment, lexicon, words.strip(), columns, unknown, public=public)
        scores = scores if mask is None else np.where(mask, scores, 0.0)
        total += int(np.count_nonzero(scores))
        found.append(_best(segment, number, scores, after))
    later = (one for one in merge(*found) if after is None or one[:2] > after)
    return _page(view, list(islice(later, count + 1)), count, total)


def _page(view: View, found: list[Dated], count: int, total: int) -> Found:
    """The page of what was found: one more than it shows, where another page follows."""
    shown = found[:count]
    cards = [view.segments[number].table.card(row) for *_, number, row in shown]
    return Found(cards, total, shown[-1][:2] if len(found) > count else None, view.is_partial)


def _newest(view: View, masks: Masks, count: int, after: Mark | None) -> list[Dated]:
    if after is not None:
        later = [-segment.table.published_at.astype(np.float64) >= after[0] for segment in view.segments]
        masks = both(masks, Masks(tuple(later)))
    view.segments[0].bring_newest(replace(masks.conditions, after=after), None, count)
    return list(islice((one for one in at_hand(view, masks, None) if after is None or one[:2] > after), count))


def _best(segment: Segment, number: int, scores: FloatArray, after: Mark | None) -> Iterator[Dated]:
    """Those with a score from the mark's on, best first, ties by id, which is the order of rows."""
    rows = np.flatnonzero((scores > 0) & (True if after is None else -scores >= after[0]))
    for row in rows[np.argsort(-scores[rows], kind="stable")].tolist():
        yield -float(scores[row]), segment.table.id(row), number, row


def _looked_up(view: View, lexicon: Lexicon, words: str) -> tuple[IntArray, list[str]]:
    """The columns (t,) of the terms that the words give in any of the corpus's languages, and the words that give none
    it has."""
    spoken = [primary_language(value) for segment in view.segments for value in segment.languages]
    languages = list(dict.fromkeys([None, *spoken]))[:_MOST_LANGUAGES]
    columns, unknown = set[int](), list[str]()
    for word in dict.fromkeys(words.split()):
        given = [terms(word, lexicon.stop_words, language) for language in languages]
        places = lexicon.columns(sorted(set().union(*given)))
        known = places[(places >= 0) & (lexicon.weights[places] >= 0)].tolist()
        columns.update(known)
        if all(given) and not known:
            unknown.append(word)
    return np.array(sorted(columns), np.int64), unknown[:_MOST_WORDS]


def _scores(
    segment: Segment, lexicon: Lexicon, words: str, columns: IntArray, unknown: list[str], *, public: bool
) -> FloatArray:
    """(n,) how well each article is found, 0 for those that are not."""
    scores = np.zeros(len(segment))
    if len(columns):
        weights = lexicon.weights[columns].astype(np.float64)
        body = (segment.matrix.postings[columns].T @ _weights(lexicon, columns))[: len(segment)]  # neighbours follow
        if public:
            closed = segment.table.masks.of_access([Access.PUBLIC])
            body = body if closed is None else np.where(closed, body, 0.0)
        titles = segment.titles.postings[columns]
        share = np.repeat(weights / weights.sum(), np.diff(titles.indptr))
        scores += body + np.bincount(titles.indices, share, minlength=len(segment))
    for written in [*unknown, *([words] if " " in words else [])]:
        scores += _holds(segment, written)
    row = segment.table.row(words)
    if row is not None:
        scores[row] += _NAMED
    return scores.round(_PLACES)


def _weights(lexicon: Lexicon, columns: IntArray) -> FloatArray:
    """(t,) of unit length."""
    weights = lexicon.weights[columns].astype(np.float64)
    return weights / np.linalg.norm(weights) if len(columns) else weights


def _holds(segment: Segment, written: str) -> NDArray[np.int8]:
    """(n,) 1 where the headline holds some words as written, but for capitals."""
    matches = pc.match_substring(segment.table.batch.column("title"), written, ignore_case=True)
    return np.asarray(np.from_dlpack(matches.cast("int8")), np.int8)
