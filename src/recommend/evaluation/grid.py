"""Grids of settings: which arms an ablation has."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

from recommend.errors import EvaluationError, truncated_repr

MOST = 200
"""Arms of one grid at most."""
FIRST = "as set"
"""The name of the arm without assignments, which the others are held against."""

Grid = Mapping[str, Sequence[str]]
"""Values by setting, as ``--set`` takes them."""


def read_grid(path: Path) -> Grid:
    """A TOML file of settings with the values that each is to have, as ``"policy.diversity" = [0, 0.3]``, in tables or
    not.

    Raises:
        EvaluationError: when it cannot be read, or holds something else.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise EvaluationError(f"{path} cannot be read: {problem}") from None
    grid: dict[str, list[str]] = {}

    def walk(values: Mapping[str, object], prefix: str) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{name}.")
            elif isinstance(value, list) and value:
                grid[f"{prefix}{name}"] = [_written(one) for one in value]
            else:
                raise EvaluationError(f"{path}: {prefix}{name} is not a list of values such as [0, 0.3]")

    walk(content, "")
    return grid


def parse_vary(assignments: Iterable[str]) -> Grid:
    """Settings as ``KEY=V1,V2``; ``+`` stands between the items of one value that is a list.

    Raises:
        EvaluationError: for what is none.
    """
    grid: dict[str, list[str]] = {}
    for one in assignments:
        name, equals, values = one.partition("=")
        if not equals or not name:
            raise EvaluationError(f"--vary {truncated_repr(one)} is not KEY=VALUE,VALUE…")
        grid[name] = [value.replace("+", ",") for value in values.split(",")]
    return grid


def arms(grid: Grid, *, each: bool = False) -> dict[str, list[str]]:
    """Assignments by the name of the arm, the first without any: all combinations of the values, or with ``each`` one
    setting changed at a time.

    Raises:
        EvaluationError: when there are none, or more than 200.
    """
    if not grid:
        raise EvaluationError("nothing varies: give --vary KEY=VALUE,VALUE… or a --grid file")
    if each:
        combined: Iterable[tuple[tuple[str, str], ...]] = (
            ((name, value),) for name, values in grid.items() for value in values
        )
        count = sum(map(len, grid.values()))
    else:
        combined = product(*([(name, value) for value in values] for name, values in grid.items()))
        count = 1
        for values in grid.values():
            count *= len(values)
    if count > MOST:
        raise EvaluationError(f"the grid has {count:,} arms, more than {MOST}; vary less, or one at a time (--each)")
    return {FIRST: []} | {
        " ".join(f"{name}={value or 'none'}" for name, value in arm): [f"{name}={value}" for name, value in arm]
        for arm in combined
    }


def _written(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
