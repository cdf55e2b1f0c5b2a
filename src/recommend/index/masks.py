"""Which rows of an article table have a property."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommend.articles.article import Access, opens
from recommend.articles.languages import primary_language
from recommend.index.cells import numbers
from recommend.index.coded_columns import CodedColumns

BoolArray = NDArray[np.bool_]


class Masks:
    """Masks of n rows."""

    def __init__(self, batch: pa.RecordBatch, coded: CodedColumns) -> None:
        self._batch, self._coded = batch, coded
        self._speaking: dict[str, BoolArray | None] = {}

    def tagged(self, tag: str) -> BoolArray:
        """(n,) which rows have a tag."""
        lists = self._batch.column("tags")
        matches = numbers(pc.indices_nonzero(pc.equal(lists.flatten(), tag)))
        offsets = numbers(lists.offsets)
        mask = np.zeros(len(self._batch), np.bool_)
        mask[np.searchsorted(offsets - offsets[0], matches, side="right") - 1] = True
        return mask

    def speaks(self, language: str) -> BoolArray | None:
        """(n,) whose language is ``language``, compared by its primary part ('en' of 'en-GB'), or unknown; None when
        that holds of all."""
        primary = primary_language(language)
        if not primary:
            return None
        if primary not in self._speaking:
            spoken = enumerate(map(primary_language, self._coded.values("language")))
            same = [code for code, value in spoken if value in {primary, ""}]
            mask = np.isin(self._coded.codes("language"), [-1, *same])
            self._speaking[primary] = None if mask.all() else mask
        return self._speaking[primary]

    def foreign_to(self, language: str) -> BoolArray | None:
        """(n,) whose language is known and another one; None when that holds of none."""
        own = self.speaks(language)
        return None if own is None else ~own

    def has_genre(self, genres: Iterable[str]) -> BoolArray | None:
        """(n,) whose genre is one of ``genres``; None when that holds of none."""
        hidden = [code for code in (self._coded.code("genre", genre) for genre in genres) if code >= 0]
        return np.isin(self._coded.codes("genre"), hidden) if hidden else None

    def readable(self, reader: Access) -> BoolArray | None:
        """(n,) which a reader with some access may open; None when that holds of all."""
        return self.of_access(opens(reader))

    def of_access(self, values: Iterable[Access]) -> BoolArray | None:
        """(n,) whose access is one of ``values``; None when that holds of all."""
        mask = np.isin(self._coded.codes("access"), [self._coded.code("access", value) for value in values])
        return None if mask.all() else mask
