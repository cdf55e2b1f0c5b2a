"""Paths within a JSON document, and where in it the articles are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\*)\]")
_LISTS = (
    "articles",
    "posts",
    "items",
    "entries",
    "stories",
    "results",
    "records",
    "documents",
    "docs",
    "hits",
    "data",
    "nodes",
    "content",
)


def values_at(document: object, path: str) -> Iterator[object]:
    """What lies at a path within JSON: names joined by dots, ``[0]`` for one of a list and ``[*]`` for all."""
    if isinstance(document, Mapping) and path in document:
        yield document[path]
        return
    values = [document]
    for name, number in _STEP.findall(path):
        if name:
            values = [one[name] for one in values if isinstance(one, Mapping) and name in one]
        elif number == "*":
            values = [each for one in values if isinstance(one, list) for each in one]
        else:
            values = [one[int(number)] for one in values if isinstance(one, list) and int(number) < len(one)]
    yield from (one for one in values if one is not None)


def path_of_list(document: Mapping[str, object]) -> str | None:
    """Where the list of objects in a document is, at its top or a level below; of several the one of a known name."""
    near = {name: value for name, value in document.items() if _is_list(value)}
    below = {
        f"{outer}.{name}": value
        for outer, inner in document.items()
        if isinstance(inner, Mapping)
        for name, value in inner.items()
        if _is_list(value)
    }
    for level in (near, below):
        known = [path for name in _LISTS for path in level if path.rpartition(".")[2] == name]
        if known or len(level) == 1:
            return f"{(known or [*level])[0]}[*]"
    return None


def is_known_list(path: str) -> bool:
    """Whether a path leads to a list of the top of a document by a name that lists of articles have."""
    return path.removesuffix("[*]") in _LISTS


def _is_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)
