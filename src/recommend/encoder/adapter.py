"""Adapters: small maps, trained on judgements, that embeddings go through on their way into a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from recommend.encoder.manifest import MANIFEST as ENCODER_MANIFEST
from recommend.errors import EncoderError
from recommend.files import Kind, file_sha256, replace_file, whole
from recommend.fingerprint import base_fingerprint
from recommend.resources import model_file, model_folders

FloatArray = NDArray[np.float32]

MANIFEST = "adapter.json"
WEIGHTS = "adapter.npy"


class AdapterManifest(BaseModel):
    """What an adapter is and where it comes from.

    Attributes:
        encoder: fingerprint of the encoder whose embeddings it maps, however much of long texts that reads; it suits no
            other.
        sha256: of adapter.npy.
        recipe: how it was trained; ``data`` on what; ``step`` the one kept.
        default: whether ``auto`` stands for it; no training sets this.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    encoder: str
    sha256: str
    recipe: dict[str, float | int]
    data: str
    step: int
    default: bool = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: ``weights`` (d, d) float32, multiplied from the right."""

    manifest: AdapterManifest
    weights: FloatArray


def find_adapter(name: str, models: Path, fingerprint: str) -> Adapter | None:
    """The adapter for an encoder.

    Args:
        name: ``none``, ``auto`` (the one that comes with the encoder, if any: in its folder, or shipped for it), or a
            folder of ``models``, or any other by its whole path. One that merely lies there is not used.
        models: where adapters are looked up, before those that come with the package.
        fingerprint: the encoder's.

    Raises:
        EncoderError: when the named one is missing, damaged, or made for another encoder.
    """
    if name == "none":
        return None
    if name == "auto":
        paths = (path for root in model_folders(models) for path in sorted(root.glob(f"*/{MANIFEST}")))
        for path in paths:
            manifest = _manifest(path)
            beside_encoder = (path.parent / ENCODER_MANIFEST).is_file()
            if _suits(manifest, fingerprint) and (manifest.default or beside_encoder):
                return _open(manifest, path.parent)
        return None
    path = model_file(models, f"{name}/{MANIFEST}")
    if not path.is_file():
        raise EncoderError(f"adapter {name!r} is not in {models}; set encoder.adapter to auto or none")
    manifest = _manifest(path)
    if not _suits(manifest, fingerprint):
        raise EncoderError(f"adapter {name!r} was made for encoder {manifest.encoder} != {fingerprint}")
    return _open(manifest, path.parent)


def save_adapter(folder: Path, weights: FloatArray, manifest: AdapterManifest) -> None:
    """Writes an adapter (as float16) and its manifest, in which the hash is filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / WEIGHTS) as beside:
        np.save(beside, weights.astype(np.float16))
    complete = manifest.model_copy(update={"sha256": file_sha256(folder / WEIGHTS)})
    replace_file(folder / MANIFEST, f"{complete.model_dump_json(indent=2)}\n".encode())


ADAPTER = Kind("an adapter", lambda folder: (folder / MANIFEST).is_file(), folder=True)


def _suits(manifest: AdapterManifest, fingerprint: str) -> bool:
    return base_fingerprint(manifest.encoder) == base_fingerprint(fingerprint)


def _manifest(path: Path) -> AdapterManifest:
    try:
        return AdapterManifest.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        raise EncoderError(f"{path}: {problem.errors()[0]['loc']}: {problem.errors()[0]['msg']}") from None


def _open(manifest: AdapterManifest, folder: Path) -> Adapter:
    actual = file_sha256(folder / WEIGHTS)
    if actual != manifest.sha256:
        raise EncoderError(f"adapter {manifest.name!r}: {WEIGHTS} has SHA-256 {actual}, not {manifest.sha256}")
    return Adapter(manifest, np.load(folder / WEIGHTS, allow_pickle=False).astype(np.float32))
