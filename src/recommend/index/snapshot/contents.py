"""What the files of a snapshot must hold beside the bytes that were written: whatever one part says of another's rows
lies within them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommend.arrays import load_mmap
from recommend.errors import SnapshotError
from recommend.index import lexical, titles
from recommend.index.dense import KINDS, VectorIndex
from recommend.index.projection import Projection
from recommend.index.series_means import SeriesMeans
from recommend.index.snapshot.layout import Manifest, SnapshotLayout
from recommend.index.table import ArticleTable

_HASH_SIZE = 32
_BLOCK = 65_536

Array = NDArray[np.generic]


def check_contents(parts: SnapshotLayout, manifest: Manifest) -> None:
    """Holds shapes, types and ranges of all parts against each other. Checksums come first: the bytes of a damaged file
    can end the process that opens it.

    Raises:
        SnapshotError: naming the first part at fault.
        OSError: when a file cannot be read.
    """
    count, dimension = manifest.articles, manifest.dimension
    try:
        if manifest.kind not in KINDS:
            raise ValueError(f"manifest.json names the kind of index {manifest.kind!r}, which does not exist")
        _finite("embeddings.npy", _array(parts, "embeddings.npy", np.float16, (count, dimension)))
        _array(parts, "content_hashes.npy", np.uint8, (count, _HASH_SIZE))
        _array(parts, "groups.npy", np.uint64, (count,))
        _sentences(parts, count)
        _finite("lengths.npy", _array(parts, "lengths.npy", np.float32, (count,)))
        neighbours = load_mmap(parts.neighbours)
        if neighbours.ndim != 2 or len(neighbours) != count:
            raise ValueError(f"neighbours.npy has shape {neighbours.shape}, not of {count} articles")
        _within("neighbours.npy", neighbours, count)
        if parts.exposure.exists():
            _within("exposure.npy", _array(parts, "exposure.npy", np.int32, (count,)), count, least=-1)
        _table(parts, count)
        _lexical(parts, count, dimension)
        _backlinks(parts, count)
        _projection(parts, dimension)
        VectorIndex.load(parts.vectors, KINDS[manifest.kind], load_mmap(parts.embeddings)).check()
    except (ValueError, KeyError, EOFError, AttributeError) as problem:
        raise SnapshotError(f"snapshot {parts.root.name}: {problem}") from None


def _sentences(parts: SnapshotLayout, count: int) -> None:
    starts, keys = (
        _array(parts, "sentences/starts.npy", np.int64, (count + 1,)),
        load_mmap(parts.sentences / "keys.npy"),
    )
    if starts[0] != 0 or starts[-1] != len(keys) or (np.diff(starts) < 0).any() or keys.dtype != np.uint64:
        raise ValueError(f"sentences/starts.npy does not divide {len(keys)} keys among {count} articles")
    boilerplate = load_mmap(parts.boilerplate)
    if boilerplate.dtype != np.uint64 or boilerplate.ndim != 1:
        raise ValueError(f"boilerplate.npy is {boilerplate.dtype} {boilerplate.shape}, not a row of uint64")


def _table(parts: SnapshotLayout, count: int) -> None:
    table = ArticleTable.load(parts.articles)
    table.batch.validate(full=True)
    if len(table) != count:
        raise ValueError(f"articles.arrow holds {len(table)} articles != {count}")
    ids = table.batch.column("id")
    if pc.less(ids.slice(0, max(count - 1, 0)), ids.slice(1)).false_count:
        raise ValueError("articles.arrow is not in ascending order of ids")


def _lexical(parts: SnapshotLayout, count: int, dimension: int) -> None:
    folder = parts.lexical
    with pa.memory_map(str(folder / "vocabulary.arrow")) as source:
        terms = pa.ipc.open_file(source).read_all()
        terms.validate(full=True)
        width = len(terms)
    _finite("lexical/weights.npy", _array(parts, "lexical/weights.npy", np.float32, (width,)))
    entries = {
        _sparse(parts, "lexical/rows", count, width),
        _sparse(parts, "lexical/postings", width, count),
        len(load_mmap(folder / "rows.counts.npy")),
    }
    if len(entries) != 1:
        raise ValueError(f"lexical: rows, postings and counts have {sorted(entries)} entries, not equally many")
    lexical.load(folder)
    _sparse(parts, "titles/rows", count, width)
    _, series = titles.load(parts.titles, width)
    _finite("titles/means.npy", SeriesMeans.load(parts.titles, series, dimension).means)


def _backlinks(parts: SnapshotLayout, count: int) -> None:
    linking = load_mmap(parts.backlinks / "linking.npy")
    if linking.dtype != np.uint64 or linking.ndim != 1 or not (linking[:-1] < linking[1:]).all():
        raise ValueError("backlinks/linking.npy is not an ascending list of groups")
    _sparse(parts, "backlinks/rows", count, len(linking), dated=True)


def _sparse(parts: SnapshotLayout, name: str, rows: int, columns: int, *, dated: bool = False) -> int:
    """Checks a matrix (rows, columns), where it is ``dated`` of days that may be unknown; how many entries it has."""
    indptr, indices, data = (load_mmap(parts.root / f"{name}.{array}.npy") for array in ("indptr", "indices", "data"))
    ordered = indptr.dtype.kind == "i" and indptr.shape == (rows + 1,) and bool((np.diff(indptr) >= 0).all())
    if not ordered or indptr[0] != 0 or indptr[-1] != len(indices):
        raise ValueError(f"{name}.indptr.npy does not divide {len(indices)} entries among {rows} rows")
    if data.shape != indices.shape or data.dtype != np.float32:
        raise ValueError(f"{name}.data.npy is {data.dtype} {data.shape}, not float32 {indices.shape}")
    _within(f"{name}.indices.npy", indices, columns)
    if not dated:
        _finite(f"{name}.data.npy", data)
    return len(indices)


def _projection(parts: SnapshotLayout, dimension: int) -> None:
    projection = Projection.load(parts.projection)
    arrays = {"mean": projection.mean, "adapter": projection.adapter, "offset": projection.offset}
    for name, array in arrays.items():
        wanted = (dimension, dimension) if name == "adapter" else (dimension,)
        if array is not None and (array.shape != wanted or array.dtype != np.float32):
            raise ValueError(f"projection/{name}.npy is {array.dtype} {array.shape}, not float32 {wanted}")
        if array is not None:
            _finite(f"projection/{name}.npy", array)
    if projection.spoken is not None:
        _array(parts, "projection/languages.npy", np.float32, (len(projection.spoken.names), dimension))
        _finite("projection/languages.npy", projection.spoken.means)


def _array(parts: SnapshotLayout, name: str, kind: type[np.generic], shape: tuple[int, ...]) -> Array:
    array: Array = load_mmap(parts.root / name)
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {np.dtype(kind)} {shape}")
    return array


def _within(name: str, array: Array, count: int, least: int = 0) -> None:
    if array.dtype not in {np.dtype(np.int32), np.dtype(np.int64)}:
        raise ValueError(f"{name} is {array.dtype}, not int32 or int64")
    if array.size and not least <= int(array.min()) <= int(array.max()) < count:
        raise ValueError(f"{name} holds {int(array.min())} to {int(array.max())}, not within {least} and {count - 1}")


def _finite(name: str, array: Array) -> None:
    if not all(np.isfinite(array[start : start + _BLOCK]).all() for start in range(0, len(array), _BLOCK)):
        raise ValueError(f"{name} has values that are not finite")
