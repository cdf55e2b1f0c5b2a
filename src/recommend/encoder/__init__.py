"""Encoders turn articles into embeddings."""

from recommend.encoder.encoder import (
    AUTO,
    DEFAULT,
    MULTILINGUAL,
    Encoder,
    check_encoder,
    encode_articles,
    encoder_fingerprint,
    open_encoder,
    resolve_encoder_name,
    verify_encoder,
)

__all__ = [
    "AUTO",
    "DEFAULT",
    "MULTILINGUAL",
    "Encoder",
    "check_encoder",
    "encode_articles",
    "encoder_fingerprint",
    "open_encoder",
    "resolve_encoder_name",
    "verify_encoder",
]
