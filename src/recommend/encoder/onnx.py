"""The default encoder: an int8 ONNX model on onnxruntime, texts sorted by length so that little padding is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.encoder.manifest import EncoderManifest, read_manifest
from recommend.encoder.quantise import MODEL, TOKENIZER, ensure_weights, verify_weights
from recommend.settings import EncoderSettings

FloatArray = NDArray[np.float32]


class OnnxEncoder:
    """Mean-pooled, normalised hidden states of a quantised transformer."""

    def __init__(self, manifest: EncoderManifest, weights: Path, settings: EncoderSettings) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        import onnxruntime
        from tokenizers import Tokenizer

        self.fingerprint = manifest.fingerprint(settings.max_tokens)
        self.dimension = manifest.dimension
        self.max_tokens = settings.max_tokens
        self.language = manifest.language
        self._batch = settings.batch
        self._tokenizer = Tokenizer.from_file(str(weights / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(settings.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(weights / MODEL), options, providers=["CPUExecutionProvider"])

    @classmethod
    def open(cls, folder: Path, weights: Path, settings: EncoderSettings) -> OnnxEncoder:
        """The encoder of the manifest in ``folder``, quantised into ``weights`` at first use, verified at each.

        Raises:
            EncoderError: when weights are missing or not the expected ones.
        """
        manifest = read_manifest(folder)
        ensure_weights(manifest, weights)
        verify_weights(manifest, weights)
        return cls(manifest, weights, settings)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n, d) float32 of unit length, in the order of ``texts``."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]), reverse=True)
        embeddings = np.empty((len(tokens), self.dimension), np.float32)
        for start in range(0, len(order), self._batch):
            members = order[start : start + self._batch]
            embeddings[members] = self._embed([tokens[i] for i in members])
        return embeddings

    def _embed(self, tokens: list[list[int]]) -> FloatArray:
        lengths = np.array([len(ids) for ids in tokens])
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        padded = np.zeros_like(mask)
        padded[mask.astype(bool)] = np.concatenate(tokens)
        hidden = np.asarray(self._session.run(None, {"ids": padded, "mask": mask})[0], np.float32)
        pooled: FloatArray = np.einsum("nld,nl->nd", hidden, mask.astype(np.float32))
        pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return pooled
