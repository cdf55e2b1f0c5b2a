"""How paths name articles."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class AnyId(Convertor[str]):
    """An article's id is opaque: slashes may be part of it, and so may line breaks, which ``path`` leaves out."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """The id as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """The id as it stands."""
        return value


register_url_convertor("id", AnyId())
ARTICLE = "{article_id:id}"
"""The part of a path that is an article's id."""
