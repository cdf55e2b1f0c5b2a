"""Encoders turn articles into embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder.preparation import encoder_text
from recommend.errors import EncoderError
from recommend.fingerprint import whole_fingerprint, words_read
from recommend.resources import model_file
from recommend.settings import EncoderSettings

FloatArray = NDArray[np.float32]

AUTO, DEFAULT, MULTILINGUAL = "auto", "news-minilm", "multilingual-e5-small"
"""What settings may say in place of a name, the encoder that it stands for where nobody looked at a corpus, and the one
for many languages."""


class Encoder(Protocol):
    """Anything that turns texts into vectors.

    Attributes:
        fingerprint: changes with weights, precision, text preparation and length: vectors of two never meet. It ends
            with how many words of long texts are read, if they are, see :mod:`recommend.fingerprint`.
        dimension: d.
        max_tokens: how much of a text is read at once.
        language: the only one it is made for (BCP 47), None for many.
    """

    @property
    def fingerprint(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def language(self) -> str | None: ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n, d) float32 of unit length, in the order of ``texts``."""
        ...


def encode_articles(encoder: Encoder, articles: Sequence[Article]) -> FloatArray:
    """Embeddings (n, d) float32 of unit length, in the order of ``articles``."""
    max_words = words_read(encoder.fingerprint)
    return encoder.encode([encoder_text(article, encoder.max_tokens, max_words) for article in articles])


def open_encoder(
    settings: EncoderSettings, models: Path, fingerprint: str | None = None, *, threads_a_text: int = 1
) -> Encoder:
    """The encoder that the settings name: a manifest in ``models`` or shipped with the package, else a
    sentence-transformers model by local path or name.

    Args:
        settings: name, length, how hard it may work.
        models: where manifests are looked up, before those that come with the package.
        fingerprint: what its must be; None for any.
        threads_a_text: at most so many, of those that it may have, does the default encoder put to a single text: with
            two, one alone is embedded sooner, and many later.

    Raises:
        EncoderError: when it is unknown, or its weights are not the ones its manifest names, or its fingerprint is
            another one.
    """
    from recommend.encoder.whole_texts import WholeTexts

    settings = _settled(settings)
    encoder = _open(settings, models, threads_a_text)
    if settings.max_words:
        encoder = WholeTexts(encoder, settings.max_words)
    if fingerprint not in {None, encoder.fingerprint}:
        raise EncoderError(
            f"encoder {settings.name!r} has fingerprint {encoder.fingerprint} != {fingerprint} of the snapshot; "
            "put back the model it was made with, or run recommend reindex"
        )
    return encoder


def resolve_encoder_name(name: str, models: Path) -> str:
    """The name of an encoder as it holds in every working directory: a folder outside ``models`` by its whole path."""
    name = DEFAULT if name == AUTO else name
    outside = not model_file(models, f"{name}/manifest.json").is_file() and Path(name).is_dir()
    return str(Path(name).resolve()) if outside else name


def made_weights(models: Path, name: str) -> Path:
    """The folder of the weights that are made of those of an encoder's package: within ``models`` where that is there,
    else where this user's caches lie, so that nothing appears beside the files that one works on."""
    if models.is_dir():
        return models / name / "weights"
    from hashlib import sha256

    from platformdirs import user_cache_path

    manifest = sha256(model_file(models, f"{name}/manifest.json").read_bytes()).hexdigest()[:16]
    return user_cache_path("related-articles", appauthor=False) / "models" / f"{Path(name).name}-{manifest}" / "weights"


def _settled(settings: EncoderSettings) -> EncoderSettings:
    return settings.model_copy(update={"name": DEFAULT}) if settings.name == AUTO else settings


def _open(settings: EncoderSettings, models: Path, threads_a_text: int) -> Encoder:
    from recommend.encoder.onnx import OnnxEncoder

    manifest = model_file(models, f"{settings.name}/manifest.json")
    if manifest.is_file():
        return OnnxEncoder.open(manifest.parent, made_weights(models, settings.name), settings, threads_a_text)
    from recommend.encoder.transformer import TransformerEncoder

    return TransformerEncoder(settings)


def encoder_fingerprint(settings: EncoderSettings, models: Path) -> str:
    """The fingerprint of the encoder that the settings name, without loading a manifest's weights.

    Raises:
        EncoderError: as :func:`open_encoder`.
    """
    from recommend.encoder.manifest import read_manifest

    settings = _settled(settings)
    manifest = model_file(models, f"{settings.name}/manifest.json")
    if manifest.is_file():
        return whole_fingerprint(read_manifest(manifest.parent).fingerprint(settings.max_tokens), settings.max_words)
    return open_encoder(settings, models).fingerprint


def check_encoder(settings: EncoderSettings, models: Path) -> None:
    """Looks whether the files of an encoder with a manifest are there; opens none and verifies none.

    Raises:
        EncoderError: naming what is missing and the way out.
    """
    from recommend.encoder.manifest import read_manifest
    from recommend.encoder.quantise import check_weights

    settings = _settled(settings)
    described = model_file(models, f"{settings.name}/manifest.json")
    if described.is_file():
        check_weights(read_manifest(described.parent), made_weights(models, settings.name))


def verify_encoder(settings: EncoderSettings, models: Path) -> None:
    """Holds the weights of the encoder that the settings name, as installed and as made from those, against the
    hashes of its manifest. A sentence-transformers model has none: it is opened.

    Raises:
        EncoderError: naming the file at fault.
    """
    from recommend.encoder.manifest import read_manifest
    from recommend.encoder.quantise import RECORD, verify_weights

    settings = _settled(settings)
    described = model_file(models, f"{settings.name}/manifest.json")
    if not described.is_file():
        open_encoder(settings, models)
        return
    manifest = read_manifest(described.parent)
    manifest.source()
    weights = made_weights(models, settings.name)
    if (weights / RECORD).is_file():  # otherwise they are made at first use
        verify_weights(manifest, weights)
