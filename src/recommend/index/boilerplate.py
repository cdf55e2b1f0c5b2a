"""Which sentences are boilerplate: found by counting the headlines of a site that they stand under."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import load_mmap
from recommend.articles.boilerplate import Keys, headline, telling_words

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MANY = 20
"""Headlines from which on what they share is boilerplate, whatever they tell of."""
SOME = 5
"""Headlines from which on it is where they tell of different things."""
FEW = 3
"""Headlines from which on it is where the bodies say nothing of them."""

_COMMON = 0.4
_KEYS_A_BLOCK = 2**22


@dataclass(frozen=True, slots=True)
class SentenceKeys:
    """The sentences of n articles, see :func:`recommend.articles.boilerplate.sentence_keys`.

    Attributes:
        starts: (n + 1,) int64, where the keys of each article begin.
        keys: (m,) uint64.
    """

    starts: IntArray
    keys: Keys

    @classmethod
    def of(cls, each: Sequence[Keys]) -> SentenceKeys:
        """Those of articles one by one."""
        starts = np.concatenate([[0], np.cumsum([len(keys) for keys in each])]).astype(np.int64)
        return cls(starts, np.concatenate([*each, np.zeros(0, np.uint64)]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: IntArray) -> SentenceKeys:
        """Those of the articles at ``rows``, in that order."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return SentenceKeys(starts, self.keys[np.repeat(self.starts[:-1][rows], lengths) + within])

    @staticmethod
    def joined(left: SentenceKeys, right: SentenceKeys) -> SentenceKeys:
        """Those of two sets of articles, one after the other."""
        starts = np.concatenate([left.starts, right.starts[1:] + left.starts[-1]])
        return SentenceKeys(starts, np.concatenate([left.keys, right.keys]))

    def having(self, identities: Keys) -> BoolArray:
        """(n,) which articles have one of some sentences."""
        mask = np.zeros(len(self), np.bool_)
        if len(identities):
            rows = np.repeat(np.arange(len(self)), np.diff(self.starts))
            mask[rows[np.isin(self.keys >> np.uint64(1), identities)]] = True
        return mask

    def save(self, folder: Path) -> None:
        """Writes two arrays into a folder that is not there yet."""
        folder.mkdir()
        np.save(folder / "starts.npy", self.starts)
        np.save(folder / "keys.npy", self.keys)

    @classmethod
    def load(cls, folder: Path) -> SentenceKeys:
        """Opens what :meth:`save` wrote, mapped into memory."""
        return cls(load_mmap(folder / "starts.npy"), load_mmap(folder / "keys.npy"))


def find_boilerplate(sentences: SentenceKeys, title: Callable[[int], str]) -> Keys:
    """The identities (b,), ascending, of the sentences that many headlines of a site share.

    Those are MANY different headlines; or SOME, which are half of all articles, or of which no longer word stands in
    more than two fifths, so that they do not tell of one story that goes on; or FEW, where most of the bodies that the
    sentence stands in share no longer word with their headline, as a notice in the place of a story does.

    Memory is bounded, beside the result and 8 bytes for each article; time grows with the sentences times their blocks
    of four million.

    Args:
        sentences: of n articles.
        title: of the article at a row.
    """
    rows = np.repeat(np.arange(len(sentences), dtype=np.int64), np.diff(sentences.starts))
    blocks = 1 + len(sentences.keys) // _KEYS_A_BLOCK
    repeated = list[int]()
    for block in range(blocks):
        mine = np.flatnonzero((sentences.keys >> np.uint64(1)) % np.uint64(blocks) == block)
        keys = sentences.keys[mine]
        order = mine[np.argsort(keys >> np.uint64(1), kind="stable")]
        identities = sentences.keys[order] >> np.uint64(1)
        borders = np.concatenate([[0], np.flatnonzero(np.diff(identities)) + 1, [len(order)]])
        shared = np.flatnonzero(np.diff(borders) >= FEW)
        for start, end in zip(borders[shared].tolist(), borders[shared + 1].tolist(), strict=True):
            speaks = (sentences.keys[order[start:end]] & np.uint64(1)).astype(np.bool_)
            if _is_boilerplate(rows[order[start:end]], speaks, title, len(sentences)):
                repeated.append(int(identities[start]))
    return np.array(sorted(repeated), np.uint64)


def _is_boilerplate(rows: IntArray, told: BoolArray, title: Callable[[int], str], count: int) -> bool:
    """Whether a sentence is that stands in the articles at ``rows`` (r,), whose bodies speak of their headlines or do
    not, ``told`` (r,), of ``count`` in all."""
    headlines: dict[str, str] = {}
    for row in rows.tolist():
        written = title(row)
        headlines.setdefault(headline(written), written)
        if len(headlines) >= MANY:
            return True
    if len(headlines) >= SOME:
        words = Counter(word for written in headlines.values() for word in telling_words(written))
        if 2 * len(headlines) >= count or max(words.values(), default=0) <= _COMMON * len(headlines):
            return True
    return len(headlines) >= FEW and 2 * int(np.count_nonzero(told)) <= len(told)
