"""Encoders turn articles into embeddings."""

from recommend.encoder.encoder import (
    Encoder,
    check_encoder,
    encode_articles,
    encoder_fingerprint,
    located,
    open_encoder,
    verify_encoder,
)

__all__ = [
    "Encoder",
    "check_encoder",
    "encode_articles",
    "encoder_fingerprint",
    "located",
    "open_encoder",
    "verify_encoder",
]
