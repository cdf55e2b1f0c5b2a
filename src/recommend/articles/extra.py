"""Unknown fields of a row, as far as they can be kept: JSON of bounded size and depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import orjson

from recommend.articles.limits import EXTRA_BYTES, EXTRA_DEPTH, EXTRA_VALUES


def read_extra(fields: Mapping[Any, object], warn: Callable[[str, object, str], None]) -> dict[str, Any]:
    """The fields that fit. ``warn`` gets name, value and reason of each that is left out or changed.

    What is no finite number is null, as in JSON that is written by most.
    """
    kept: dict[str, Any] = {}
    values, size = 0, 0
    for name, value in fields.items():
        try:
            plain, count, changed = _plain(value, EXTRA_DEPTH)
            written = len(orjson.dumps({name: plain}))
        except (ValueError, TypeError) as problem:  # TypeError: what orjson cannot write
            warn(str(name), value, f"cannot be kept: {problem}")
            continue
        if values + count > EXTRA_VALUES or size + written > EXTRA_BYTES:
            most = f"{EXTRA_VALUES:,} values and {EXTRA_BYTES:,} bytes"
            warn(name, value, f"cannot be kept: all unknown fields together may have {most}")
            continue
        if changed:
            warn(name, value, "holds a number that is not finite: it is stored as null")
        kept[name] = plain
        values, size = values + count, size + written
    return kept


def _plain(value: object, depth: int) -> tuple[object, int, bool]:
    """A value without numbers that JSON cannot say, how many values it holds, and whether one was changed."""
    if isinstance(value, float) and not isfinite(value):
        return None, 1, True
    if not isinstance(value, Mapping | list | tuple):
        return value, 1, False
    if not depth:
        raise ValueError(f"it is nested more than {EXTRA_DEPTH} deep")
    members = [*(value.values() if isinstance(value, Mapping) else value)]
    if len(members) > EXTRA_VALUES:
        raise ValueError(f"it has {len(members)} members, more than {EXTRA_VALUES}")
    parts = [_plain(member, depth - 1) for member in members]
    plain = [part[0] for part in parts]
    count, changed = 1 + sum(part[1] for part in parts), any(part[2] for part in parts)
    return dict(zip(value, plain, strict=True)) if isinstance(value, Mapping) else plain, count, changed
