"""What an encoder reads of an article."""

from __future__ import annotations

from recommend.articles.article import Article

VERSION = 1
LEAST_PIECES = 3
"""Of a text that is read whole; one of fewer pieces is read like any other."""

_CHARACTERS_A_TOKEN = 16
_CHARACTERS_A_WORD = 32
_WORDS_A_TOKEN = 0.7


def encoder_text(article: Article, max_tokens: int, max_words: int = 0) -> str:
    """Title and body, cut (generously) to what ``max_tokens`` tokens or ``max_words`` words can hold: the encoder makes
    the exact cut."""
    return article.full_text[: max(characters(max_tokens), max_words * _CHARACTERS_A_WORD)]


def characters(max_tokens: int) -> int:
    """At most so many characters of a text can matter to a tokenizer that gives so many tokens."""
    return max_tokens * _CHARACTERS_A_TOKEN


def piece_words(max_tokens: int) -> int:
    """Words of a piece of text that so many tokens hold as a rule."""
    return max(1, round(_WORDS_A_TOKEN * max_tokens))


def is_short(article: Article, max_tokens: int) -> bool:
    """Whether only the beginning of an article is read, however many words an encoder is told to read."""
    return len(article.full_text.split()) < LEAST_PIECES * piece_words(max_tokens)
