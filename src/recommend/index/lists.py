"""Ready lists on disk: of each article of a snapshot its best candidates, in blocks that appear whole or not at all."""

from __future__ import annotations

import io
import logging
import re
import shutil
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import load_mmap
from recommend.files import replace_file
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.timeline import Timeline

IntArray = NDArray[np.int64]
Lists = NDArray[np.void]

LISTED = 28
"""Candidates of a list: enough for a box of ten, with what is hidden and what repeats."""
REASONED, NAMED = 8, 3
"""Candidates of a list whose reasons are in it at most, and the most terms that one of these names."""
PAIRS = 10
"""Pairs of candidates that repeat one another of which a list has room to tell."""
A_BLOCK = 1_024
"""Articles whose lists are one file."""

_FILE = re.compile(r"(\d{6})\.([0-9a-f]{32})\.npy")
_LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)


def lists_type(features: int) -> np.dtype[np.void]:
    """One list: ``count`` candidates, best first, with their rows, ranking scores, and dense and lexical cosines with
    the article; whether it is ``exhaustive``; and ``means`` (f,), all as in
    :class:`~recommend.ranking.shortlist.Shortlist`; the reasons of those at some ``places``, see
    :mod:`recommend.ranking.listed_reasons`; and what repeats what, see :mod:`recommend.ranking.repeats`."""
    fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = [
        ("count", "<i2"),
        ("exhaustive", "<i2"),
        ("means", "<f4", (features,)),
        ("rows", "<i4", (LISTED,)),
        ("scores", "<f4", (LISTED,)),
        ("dense", "<f2", (LISTED,)),
        ("lexical", "<f2", (LISTED,)),
        ("places", "u1", (REASONED,)),
        ("kinds", "u1", (REASONED,)),
        ("starts", "<u2", (REASONED, NAMED)),
        ("lengths", "u1", (REASONED, NAMED)),
        ("copies", "<u4"),
        ("updates", "<u4"),
        ("pairs", "<u2", (PAIRS,)),
    ]
    return np.dtype(fields)


def block_rows(timeline: Timeline, number: int) -> IntArray:
    """(m,) rows of the articles whose lists are in a block, in order: the newest are in the first."""
    return timeline.newest_first[number * A_BLOCK : (number + 1) * A_BLOCK]


def block_count(articles: int) -> int:
    """Blocks of the lists of so many articles."""
    return -(-articles // A_BLOCK)


class ReadyLists:
    """The lists of a snapshot's n articles that are there. Each block is verified when it is first asked for; one that
    appears later is found within a second."""

    def __init__(self, folder: Path, timeline: Timeline, features: int) -> None:
        """
        Args:
            folder: with the blocks; need not be there yet.
            timeline: of the snapshot's table.
            features: of a candidate.
        """
        self.folder = folder
        self._timeline = timeline
        self._type = lists_type(features)
        self._articles = len(timeline.published_at)
        self._blocks: dict[int, Lists | None] = {}
        self._files: dict[int, Path] = {}
        self._looked = -_LOOK_SECONDS
        self._places: NDArray[np.int32] | None = None

    def get(self, row: int) -> Any:
        """The list of an article, None when it is not there."""
        if self._places is None:
            if not self._found():
                return None
            self._places = np.empty(self._articles, np.int32)
            self._places[self._timeline.newest_first] = np.arange(self._articles, dtype=np.int32)
        number, place = divmod(int(self._places[row]), A_BLOCK)
        block = self._blocks.get(number)
        if block is None and number not in self._blocks and number in self._found():
            block = self._blocks[number] = self._verified(number, self._files[number])
        return None if block is None else block[place]

    def has(self, row: int) -> bool:
        """Whether the list of an article is there."""
        return self.get(row) is not None

    def missing(self) -> Iterator[int]:
        """Numbers of the blocks that are not there, newest articles first."""
        self._looked = -_LOOK_SECONDS
        files = self._found()
        for number in range(block_count(self._articles)):
            if number not in files or self._verified(number, files[number]) is None:
                yield number

    def there(self) -> Iterator[tuple[int, Any]]:
        """The rows of all articles whose lists are there, and these, the newest first."""
        files = self._found()
        for number in sorted(files):
            block = self._verified(number, files[number])
            if block is not None:
                yield from zip(block_rows(self._timeline, number).tolist(), block, strict=True)

    def put(self, number: int, block: Lists) -> None:
        """Writes a block, durably."""
        content = io.BytesIO()
        np.save(content, block, allow_pickle=False)
        digest = _digest(content.getbuffer())
        replace_file(self.folder / f"{number:06d}.{digest}.npy", content.getvalue())

    def _found(self) -> dict[int, Path]:
        if len(self._files) < block_count(self._articles) and monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = monotonic()
            names = self.folder.iterdir() if self.folder.is_dir() else ()
            matches = ((_FILE.fullmatch(path.name), path) for path in names)
            self._files = {int(match[1]): path for match, path in matches if match}
        return self._files

    def _verified(self, number: int, path: Path) -> Lists | None:
        try:
            digest = _digest(path.read_bytes())
            if digest not in path.name:
                raise ValueError("its content is not what it was")
            block = load_mmap(path)
            self._check(block, len(block_rows(self._timeline, number)))
        except (OSError, ValueError, EOFError) as problem:
            logger.warning("ready lists %s are not used: %s", path, problem)
            return None
        return block

    def _check(self, block: Lists, count: int) -> None:
        if block.dtype != self._type or block.shape != (count,):
            raise ValueError(f"it holds {block.shape} of {block.dtype}, not ({count},) of {self._type}")
        listed = np.arange(LISTED) < block["count"][:, None]
        within = (block["rows"] >= 0) & (block["rows"] < self._articles)
        if not (block["count"] >= 0).all() or not (block["count"] <= LISTED).all() or not within[listed].all():
            raise ValueError(f"a list names rows that are not within 0 and {self._articles - 1}")
        finite = all(np.isfinite(block[name]).all() for name in ("means", "scores", "dense", "lexical"))
        falling = (np.diff(block["scores"], axis=1) <= 0) | ~listed[:, 1:]
        if not finite or not falling.all():
            raise ValueError("a list has scores that are not finite or do not fall")


def lists_folder(layout: IndexLayout, snapshot: str, decides: bytes) -> Path:
    """Where the lists of a snapshot lie; ``decides`` is all beside its name that decides what is in them."""
    return layout.lists / f"{snapshot}-{blake2b(decides, digest_size=8).hexdigest()}"


def prune_lists(layout: IndexLayout, keep: Path | None = None) -> None:
    """Removes the lists of snapshots that are gone and, of the one whose lists are to be kept, those that other
    settings left."""
    if not layout.lists.is_dir():
        return
    for folder in layout.lists.iterdir():
        name = folder.name.rpartition("-")[0]
        replaced = keep is not None and folder != keep and name == keep.name.rpartition("-")[0]
        if replaced or not (layout.snapshots / name).is_dir():
            shutil.rmtree(folder, ignore_errors=True)
    for path in () if keep is None else keep.glob("*.npy.*"):  # what a killed job left
        path.unlink(missing_ok=True)


def _digest(content: bytes | memoryview) -> str:
    return blake2b(content, digest_size=16).hexdigest()
