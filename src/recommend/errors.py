"""Every error this package raises on purpose. The message names the thing, the value and the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

_SHOWN = 80
# controls of a terminal, C0 but tab and line feed, and C1; marks that turn the direction of text; halves of pairs
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """``text`` with its characters that a terminal would obey, or that turn the direction of writing, as escapes."""
    return _STEERING.sub(lambda steering: ascii(steering[0])[1:-1], text)


def truncated_repr(value: object) -> str:
    """``value`` as a message may print it: its ``repr``, cut to 80 characters; of a path all, as its end names the
    file."""
    if isinstance(value, PurePath):
        return repr(str(value))
    text = repr(value[: _SHOWN + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class RecommendError(Exception):
    """Base of all errors that are meant for the user: the message is complete without a traceback."""


class ArticleError(RecommendError):
    """Something that was offered as an article cannot be one.

    Attributes:
        article_id: the id it carried, or None where it had none.
        field: the field at fault, or None when the row as a whole is.
        value: the value at fault, cut for display.
        reason: a clause that completes "<field> <value> …".
    """

    def __init__(self, article_id: str | None, field: str | None, value: object, reason: str) -> None:
        self.article_id = article_id
        self.field = field
        self.value = truncated_repr(value)
        self.reason = reason
        subject = "row" if article_id is None else f"article {truncated_repr(article_id)}"
        where = "" if field is None else f"{field} " if value is None else f"{field} {self.value} "
        super().__init__(f"{subject}: {where}{reason}")


class SourceError(RecommendError):
    """A source (file, folder, feed) cannot be read at all."""


class SettingsError(RecommendError):
    """A setting has an unknown name or a value out of its range."""


class RulesError(RecommendError):
    """A document of rules names an unknown field, holds a value out of its range, or contradicts itself."""


class RulesConflictError(RulesError):
    """Somebody else put other rules meanwhile."""


class StoreError(RecommendError):
    """The store cannot be opened, is of another schema, or holds contradicting data."""


class StoreUnreachableError(StoreError):
    """The database of the store cannot be reached now, and may be later."""


class KeyNameError(RecommendError):
    """An API key's name is taken, unknown, or cannot be one."""


class EncoderError(RecommendError):
    """An encoder is unknown, its weights are missing or are not the ones its manifest names."""


class EngineError(RecommendError):
    """An engine's package is missing, its cluster cannot be reached, or its workers fail."""


class SnapshotError(RecommendError):
    """A snapshot is missing, torn, of another format, or failed verification."""


class UnknownArticleError(RecommendError):
    """The store and the index hold no published article of this id or URL."""

    def __init__(self, article: str, near: Sequence[str] = ()) -> None:
        self.article = article
        hint = f"; did you mean {' or '.join(map(truncated_repr, near))}?" if near else ""
        super().__init__(f"article {truncated_repr(article)} is unknown or not published{hint}")


class EvaluationError(RecommendError):
    """Judgements or a run cannot be used: malformed line, no overlap with the articles, unknown measure."""


class OutputError(RecommendError):
    """An output would take the place of something that is to be kept."""


class ExportError(RecommendError):
    """An export cannot go on: another one writes the same file, or one of its processes died."""
