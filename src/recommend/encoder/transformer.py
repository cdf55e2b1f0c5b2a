"""Any sentence-transformers model, by name or local path, on CPU or GPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from recommend.encoder import preparation
from recommend.errors import EncoderError
from recommend.files import file_sha256
from recommend.offline import use_local_models
from recommend.settings import EncoderSettings

FloatArray = NDArray[np.float32]


class TransformerEncoder:
    """A model run by sentence-transformers itself; a name that is no folder is looked up in the local hub cache only,
    unless ``HF_HUB_OFFLINE=0`` asks for the network."""

    def __init__(self, settings: EncoderSettings) -> None:
        use_local_models()
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(settings.name, device=settings.device, trust_remote_code=False)
        except (OSError, ValueError) as problem:
            raise EncoderError(
                f"encoder {settings.name!r} is neither in models/ nor a sentence-transformers model on this machine "
                f"({str(problem).splitlines()[0]}); give a local path, or set HF_HUB_OFFLINE=0 to download it"
            ) from None
        self._model.max_seq_length = settings.max_tokens
        self._batch = settings.batch
        self.max_tokens = settings.max_tokens
        self.language: str | None = None
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise EncoderError(f"encoder {settings.name!r} does not tell its dimension")
        self.dimension = int(dimension)
        recipe = [_weights_sha256(self._model, settings.name), settings.max_tokens, preparation.VERSION]
        self.fingerprint = hashlib.sha256(orjson.dumps(recipe)).hexdigest()[:16]

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n, d) float32 of unit length, in the order of ``texts``."""
        vectors = self._model.encode(
            list(texts), batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)


def _weights_sha256(model: object, name: str) -> str:
    folder = Path(name)
    if folder.is_dir():
        files = sorted(p for p in folder.rglob("*") if p.suffix in {".safetensors", ".bin", ".json", ".txt", ".model"})
        return hashlib.sha256("".join(map(file_sha256, files)).encode()).hexdigest()
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):  # type: ignore[attr-defined]  # a torch module
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
