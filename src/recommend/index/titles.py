"""Titles as evidence: how much of one an article says itself. Editors link to what a text speaks of.

What a column or a template repeats in its titles ("Trends on Tuesday: …", "… | Harbour News") tells of no story, and is
left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import sparse

from recommend.arrays import load_mmap
from recommend.articles.languages import primary_language
from recommend.articles.text import terms
from recommend.index.expansion import is_long
from recommend.index.lexical import TermMatrix
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.table import ArticleTable
from recommend.index.term_counts import TermCounts

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

LEAST_IN_SERIES = 5
"""Titles of a site that begin or end alike, from which on that is the name of a series."""

_ARRAYS = ("indptr", "indices", "data")
_SERIES = "series.json"
_NAMES = TypeAdapter(dict[str, list[str]])
_BORDER = re.compile(r":\s+|\s+[|–—-]\s+|\s+[»·]\s+")


def series(titles: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """By site ("" where it is unknown), the beginnings and ends that its titles repeat, in ascending order.

    Args:
        titles: each with its site.
    """
    counts = Counter((site or "", part) for title, site in titles for part in {part for part, _ in _parts(title)})
    by_series: dict[str, list[str]] = {}
    for site, part in sorted(key for key, count in counts.items() if count >= LEAST_IN_SERIES):
        by_series.setdefault(site, []).append(part)
    return by_series


def without_series(title: str, site: str | None, names: Mapping[str, Sequence[str]]) -> str:
    """A title without the name of its series, as it is when it belongs to none; ``names`` as :func:`series`
    gives them."""
    known = names.get(site or "", ())
    return next((rest for part, rest in _parts(title) if part in known), title)


def series_of(title: str, site: str | None, names: Mapping[str, Sequence[str]]) -> str:
    """The name of a title's series as it is written there, empty when it belongs to none."""
    rest = without_series(title, site, names)
    return title.removesuffix(rest) if title.endswith(rest) else title.removeprefix(rest)


def numbered_series(names: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
    """The number of each series by its site and name; ``names`` as :func:`series` gives them."""
    return {key: number for number, key in enumerate((site, name) for site in sorted(names) for name in names[site])}


def series_number(title: str, site: str | None, numbers: Mapping[tuple[str, str], int]) -> int:
    """The number of a title's series, −1 when it belongs to none; ``numbers`` as :func:`numbered_series` gives them."""
    return next((numbers[key] for part, _ in _parts(title) if (key := (site or "", part)) in numbers), -1)


def _parts(title: str) -> Iterator[tuple[str, str]]:
    """The beginning and the end of a title that is divided, in lower case, each with what is left then."""
    borders = list(_BORDER.finditer(title))
    if borders:
        first, last = borders[0], borders[-1]
        yield title[: first.start()].casefold(), title[first.end() :]
        yield title[last.end() :].casefold(), title[: last.start()]


def weigh(title: str, language: str | None, lexicon: Lexicon) -> TermVector:
    """The terms of a title that the corpus has, by the weights that they have in it, which sum to 1."""
    columns = np.unique(lexicon.columns(terms(title, lexicon.stop_words, language and primary_language(language))))
    columns = columns[columns >= 0]
    weights = np.abs(lexicon.weights[columns])
    return TermVector(columns, (weights / max(float(weights.sum()), 1e-9)).astype(np.float32))


def fit(titles: Iterable[str], languages: Iterable[str | None], lexicon: Lexicon) -> TermMatrix:
    """What :func:`weigh` makes of each title (n,); ``languages`` (n,) by their primary part."""
    column = {term: place for place, term in enumerate(lexicon.vocabulary.to_pylist())}
    places = [
        sorted({column[term] for term in terms(title, lexicon.stop_words, language) if term in column})
        for title, language in zip(titles, languages, strict=True)
    ]
    indptr = np.cumsum([0, *map(len, places)])
    indices = np.array([place for some in places for place in some], np.int32)
    rows = np.repeat(np.arange(len(places)), np.diff(indptr))
    weights = np.abs(lexicon.weights[indices]).astype(np.float32)
    weights /= np.maximum(np.bincount(rows, weights, minlength=len(places)), 1e-9)[rows].astype(np.float32)
    return TermMatrix(sparse.csr_array((weights, indices, indptr), shape=(len(places), len(lexicon))))


def fit_table(
    table: ArticleTable, languages: Sequence[str | None], lexicon: Lexicon
) -> tuple[TermMatrix, dict[str, list[str]]]:
    """What :func:`fit` makes of the titles of a table's articles without the names of their series, and these by
    site."""
    told = titles_of(table)
    names = series(told)
    return fit((without_series(*one, names) for one in told), languages, lexicon), names


def telling(counts: TermCounts, table: ArticleTable, languages: Sequence[str | None]) -> TermCounts:
    """The counts that tell of an article: of long texts, those :func:`without_names`."""
    return without_names(counts, table, languages) if is_long(counts.typical_words) else counts


def without_names(counts: TermCounts, table: ArticleTable, languages: Sequence[str | None]) -> TermCounts:
    """The counts of a table's n articles without what the names of their series say. A term that nothing else says
    stays, with a count of 0.

    Args:
        counts: of titles and texts.
        table: of the articles.
        languages: (n,) by their primary part.
    """
    rows, numbers, titles = counts.rows, counts.rows.data.copy(), titles_of(table)
    names = series(titles)
    for row, (one, language) in enumerate(zip(titles, languages, strict=True)):
        start, end = rows.indptr[row : row + 2].tolist()
        for term, said in Counter(terms(series_of(*one, names), counts.stop_words, language)).items():
            column = bisect_left(counts.vocabulary, term)
            place = start + int(np.searchsorted(rows.indices[start:end], column))
            if place < end and rows.indices[place] == column and counts.vocabulary[column] == term:
                numbers[place] = max(numbers[place] - said, 0)
    return replace(counts, rows=sparse.csr_array((numbers, rows.indices, rows.indptr), shape=rows.shape))


def titles_of(table: ArticleTable) -> list[tuple[str, str | None]]:
    """(n,) the titles of a table's articles, each with its site."""
    sites = [*table.values("site"), None]
    return list(zip(table.batch.column("title").to_pylist(), (sites[c] for c in table.codes("site")), strict=True))


def save(matrix: TermMatrix, names: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Writes a folder with the titles' terms and the series' names by site."""
    folder.mkdir()
    (folder / _SERIES).write_bytes(orjson.dumps(names))
    for name in _ARRAYS:
        np.save(folder / f"rows.{name}.npy", getattr(matrix.rows, name))


def load(folder: Path, width: int) -> tuple[TermMatrix, dict[str, list[str]]]:
    """Opens what :func:`save` wrote, mapped into memory; ``width`` is the lexicon's."""
    indptr, indices, data = (load_mmap(folder / f"rows.{name}.npy") for name in _ARRAYS)
    matrix = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, width), copy=False)
    return TermMatrix(matrix), load_series(folder)


def load_series(folder: Path) -> dict[str, list[str]]:
    """By site the series there are, of what :func:`save` wrote."""
    return _NAMES.validate_json((folder / _SERIES).read_bytes())


def mentions(matrix: TermMatrix, rows: IntArray, title: TermVector) -> FloatArray:
    """(m,) of 0…1, how much of a title the articles at ``rows`` (m,) have among their terms; NaN for one that has no
    terms."""
    if not len(title.terms):
        return np.full(len(rows), np.nan, np.float32)
    having = matrix.postings[title.terms]
    weights = np.repeat(title.weights, np.diff(having.indptr))
    return np.bincount(having.indices, weights, minlength=matrix.rows.shape[0]).astype(np.float32)[rows]


def mentioned(queries: Sequence[TermVector], matrix: TermMatrix, rows: Sequence[IntArray]) -> FloatArray:
    """(n,) of 0…1, how much of the titles at some rows each of some queries has among its terms, one query's after the
    other's; NaN for titles that have no terms."""
    both = np.concatenate(rows)
    known = matrix.rows.indptr[both + 1] > matrix.rows.indptr[both]
    present = [TermVector(query.terms, np.ones(len(query.terms), np.float32)) for query in queries]
    return np.where(known, matrix.short_scores_each(rows, present), np.float32(np.nan))
