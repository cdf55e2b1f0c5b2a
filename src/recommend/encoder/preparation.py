"""What an encoder reads of an article."""

from __future__ import annotations

from recommend.articles.article import Article

VERSION = 1
_CHARACTERS_A_TOKEN = 16


def encoder_text(article: Article, max_tokens: int) -> str:
    """Title and body, cut (generously) to what ``max_tokens`` tokens can hold: the tokenizer makes the exact cut."""
    return article.full_text[: max_tokens * _CHARACTERS_A_TOKEN]
