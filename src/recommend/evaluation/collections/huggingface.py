"""A folder that Hugging Face ``datasets`` saved with ``save_to_disk``: Arrow files, for which Arrow is enough.

Format: https://huggingface.co/docs/datasets/about_arrow
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa

from recommend.errors import EvaluationError
from recommend.evaluation.collections.collection import Collection, Row


def read_huggingface(folder: Path) -> Collection:
    """The rows of a data set, or of all splits of one, under the names that its columns have; see how fields are read.

    A row without ``id`` gets its split and number as one.

    Raises:
        EvaluationError: when the folder was not saved so, or a file in it is damaged.
    """
    splits = _json(folder / "dataset_dict.json").get("splits") if (folder / "dataset_dict.json").is_file() else None
    parts = [folder / str(split) for split in splits] if isinstance(splits, list) else [folder]
    files = [(part.name, part / str(one["filename"])) for part in parts for one in _data_files(part)]
    return Collection(_rows(files), {})


def _data_files(part: Path) -> list[dict[str, object]]:
    files = _json(part / "state.json").get("_data_files")
    if not isinstance(files, list) or not all(isinstance(one, dict) and "filename" in one for one in files):
        raise EvaluationError(f"{part / 'state.json'} names no data files; give a folder of save_to_disk")
    return files


def _json(path: Path) -> dict[str, object]:
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise EvaluationError(f"{path} cannot be read ({problem}); give a folder of save_to_disk") from None
    return document if isinstance(document, dict) else {}


def _rows(files: list[tuple[str, Path]]) -> Iterator[Row]:
    counts: dict[str, int] = {}
    for split, path in files:
        try:
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as batches:
                for batch in batches:
                    for row in batch.to_pylist():
                        number = counts[split] = counts.get(split, -1) + 1
                        yield row if row.get("id") not in (None, "") else {**row, "id": f"{split}-{number}"}
        except (OSError, pa.ArrowInvalid) as problem:
            raise EvaluationError(f"{path} cannot be read: {problem}") from None
