"""The store is the truth: articles, their embeddings, and a strictly increasing revision for every change."""

from recommend.store.store import Store

__all__ = ["Store"]
