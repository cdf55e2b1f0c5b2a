"""The name of what made an embedding: its encoder's weights and how they read, then how much of long texts was read."""

from __future__ import annotations

SEPARATOR = "+"


def whole_fingerprint(fingerprint: str, max_words: int) -> str:
    """The fingerprint of an encoder that reads up to ``max_words`` of long texts; 0 for their beginning alone."""
    return f"{fingerprint}{SEPARATOR}{max_words}" if max_words else fingerprint


def base_fingerprint(fingerprint: str) -> str:
    """The fingerprint without the number of words read of long texts: where it is the same, short texts have the same
    embeddings, and the same adapters suit."""
    return fingerprint.partition(SEPARATOR)[0]


def words_read(fingerprint: str) -> int:
    """How many words of long texts an encoder reads, 0 for their beginning alone."""
    return int(fingerprint.partition(SEPARATOR)[2] or 0)
