"""Reads the settings of a process: flags beat the environment, that beats the file, and that the defaults.

Environment: ``RECOMMEND_STORE``, ``RECOMMEND_INDEX``, and with two underscores for nesting
``RECOMMEND_RANKING__CANDIDATES``. File: the same names as TOML tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableEnvironment

from recommend.errors import SettingsError, truncated_repr
from recommend.settings import Settings, VariantSettings

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_PAIR = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w.-]|\s*\.\s*)+?)\s*=""")
_NAME = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*""")


def load_settings(
    config: Path | None = None, assignments: Iterable[str] = (), overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of a process.

    Args:
        config: a TOML file.
        assignments: ``group.key=value`` texts, as ``--set`` takes them.
        overrides: top-level values that were given as flags; None values are ignored.

    Raises:
        SettingsError: for a file that is missing or not TOML, an unknown name, a value out of range.
    """
    if config is not None and not config.is_file():
        raise SettingsError(f"config file {truncated_repr(config)} does not exist")
    values: dict[str, Any] = {key: value for key, value in (overrides or {}).items() if value is not None}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"setting {truncated_repr(assignment)} is not of the form group.key=value")
        name = name.strip()
        target, *path = values, *("policy.on" if name == "policy" else name).split(".")
        for part in path[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise SettingsError(f"setting {truncated_repr(assignment)} contradicts an earlier one")
        target[path[-1]] = _value(assignment, text.strip())

    class _Configured(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        loaded = _Configured(**values)
    except ValidationError as problem:
        where = _place_in(config, [str(part) for part in problem.errors(include_url=False)[0]["loc"]])
        raise SettingsError(where + _explain(problem)) from None
    except UnreadableEnvironment as problem:
        raise SettingsError(f"environment: {problem}: write groups and lists as JSON") from None
    except ValueError as problem:
        raise SettingsError(f"config file {truncated_repr(config)}: {problem}") from None
    return Settings.model_construct(**{name: getattr(loaded, name) for name in Settings.model_fields})


def _value(assignment: str, text: str) -> Any:
    """The value as text, which pydantic converts; a list or a table is written as JSON, as in the environment."""
    try:
        return orjson.loads(text) if text.startswith(("[", "{")) else text
    except orjson.JSONDecodeError as problem:
        kind = "list" if text.startswith("[") else "object"
        raise SettingsError(f"setting {truncated_repr(assignment)} is not a JSON {kind}: {problem.msg}") from None


def _place_in(config: Path | None, path: Sequence[str]) -> str:
    """Where a file sets what lies at a path, as 'recommend.toml, line 3: '; empty where it does not."""
    table: list[str] = []
    lines = [] if config is None else config.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if header := _TABLE.match(line):
            table = _parts(header[1])
            found = table == [*path]
        else:
            pair = _PAIR.match(line)
            here = [*table, *_parts(pair[1])] if pair else []
            found = bool(here) and here == [*path][: len(here)]
        if found:
            return f"{config}, line {number}: "
    return ""


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in _NAME.findall(name)]


def _explain(problem: ValidationError) -> str:
    first = problem.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        group = Settings.model_fields.get(str(first["loc"][0]))
        known = getattr(group.annotation, "model_fields", Settings.model_fields) if group else Settings.model_fields
        known = VariantSettings.model_fields if name.startswith("service.variants.") else known
        return f"setting {name} is unknown: there are {', '.join(sorted(known))}"
    secret = {"store", "index", "url", "api_keys"} & set(
        first["loc"]
    )  # a URL with its password, a key in place of its hash
    given = "***" if secret else truncated_repr(first["input"])
    return f"setting {name} = {given}: {first['msg'][0].lower()}{first['msg'][1:]}"
