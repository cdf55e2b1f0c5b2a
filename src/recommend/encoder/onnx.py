"""The default encoder: an int8 ONNX model on onnxruntime, one text a call, as many calls at once as there are cores.

Activations are quantised by the range they have in one call. A text in a call of its own therefore always gets the same
embedding, in a bulk job as under a single PUT, and no core computes padding or waits for another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommend.cpus import available_cores
from recommend.encoder.manifest import EncoderManifest, read_manifest
from recommend.encoder.quantise import MODEL, TOKENIZER, ensure_weights, verify_weights
from recommend.settings import EncoderSettings

FloatArray = NDArray[np.float32]


class OnnxEncoder:
    """Mean-pooled, normalised hidden states of a quantised transformer."""

    def __init__(
        self, manifest: EncoderManifest, weights: Path, settings: EncoderSettings, threads_a_text: int = 1
    ) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        import onnxruntime
        from tokenizers import Tokenizer

        self.fingerprint = manifest.fingerprint(settings.max_tokens)
        self.dimension = manifest.dimension
        self.max_tokens = settings.max_tokens
        self.language = manifest.language
        self._threads = settings.threads or available_cores()
        self._tokenizer = Tokenizer.from_file(str(weights / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(settings.max_tokens)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(threads_a_text, self._threads)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the core
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(weights / MODEL), options, providers=["CPUExecutionProvider"])

    @classmethod
    def open(cls, folder: Path, weights: Path, settings: EncoderSettings, threads_a_text: int = 1) -> OnnxEncoder:
        """The encoder of the manifest in ``folder``, quantised into ``weights`` at first use, verified at each.

        Raises:
            EncoderError: when weights are missing or not the expected ones.
        """
        manifest = read_manifest(folder)
        ensure_weights(manifest, folder, weights)
        verify_weights(manifest, weights)
        return cls(manifest, weights, settings, threads_a_text)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n, d) float32 of unit length, in the order of ``texts``."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        embeddings = np.empty((len(tokens), self.dimension), np.float32)

        def embed(first: int) -> None:
            for i in range(first, len(tokens), self._threads):
                embeddings[i] = self._embed(tokens[i])

        if len(tokens) == 1:
            embed(0)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(embed, range(self._threads)))
        return embeddings

    def _embed(self, tokens: list[int]) -> FloatArray:
        ids = np.array([tokens], np.int64)
        hidden = self._session.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0][0]
        pooled: FloatArray = np.asarray(hidden, np.float32).mean(axis=0)
        return pooled / max(float(np.linalg.norm(pooled)), 1e-12)
