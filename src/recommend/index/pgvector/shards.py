"""Shards: the articles of a snapshot by a hash of their ids, each for a server of its own.

The number of an article is its row in the snapshot, on every server, so that numbers need no translation: rows,
neighbours, ready lists and what is gone speak of the same ones everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from recommend.index.backlinks import Backlinks
from recommend.index.lexical import TermMatrix
from recommend.index.segment import Segment

IntArray = NDArray[np.int64]


def shard_of(article_id: str, shards: int) -> int:
    """The number of the shard that an id belongs to, there being so many."""
    if shards == 1:
        return 0
    return int.from_bytes(blake2b(article_id.encode(errors="surrogatepass"), digest_size=8).digest()) % shards


@dataclass(frozen=True, slots=True)
class Shard:
    """What a server holds of n articles.

    Attributes:
        segment: of those m that are its own; ``neighbours`` (m, c) are numbers.
        numbers: (m,) theirs, ascending.
        elsewhere: (e,) numbers of those that are neighbours of its own and belong to other shards: it holds their
            vectors, too.
    """

    segment: Segment
    numbers: IntArray
    elsewhere: IntArray

    @classmethod
    def of(cls, whole: Segment, number: int, shards: int) -> Shard:
        """A shard of a snapshot's segment, by its number."""
        assert whole.neighbours is not None
        every = np.arange(len(whole))
        if shards == 1:
            return cls(whole, every, every[:0])
        own = np.array([shard_of(one, shards) == number for one in whole.table.ids()], np.bool_)
        rows = every[own]
        segment = Segment(
            whole.table.take(rows),
            whole.embeddings[rows],
            TermMatrix(whole.matrix.rows[rows]),
            whole.groups[rows],
            whole.neighbours[rows],
            whole.lengths[rows],
            (),
            None,
            whole.time_curve,
            TermMatrix(whole.tags.rows[rows]),
            TermMatrix(whole.authors.rows[rows]),
            TermMatrix(whole.titles.rows[rows]),
            Backlinks(whole.backlinks.rows[rows], whole.backlinks.linking),
        )
        return cls(segment, rows, np.setdiff1d(whole.neighbours[rows], rows).astype(np.int64))
