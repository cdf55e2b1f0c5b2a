"""Documents of rules: read, with what is wrong in words, and written as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import orjson
from pydantic import ValidationError

from recommend.articles.rules import Match, Part, Rule, RuleBook, Signals, Then
from recommend.errors import RulesError, truncated_repr

_DEEPEST = 8
_OF_CANDIDATES = ("same", "series")
_LEVELS = 2 * _DEEPEST + 6  # of tables and lists around and within as many matches


def read_rules(given: object) -> RuleBook:
    """The rules of a document.

    Raises:
        RulesError: naming the rule, the field, the value and the way out.
    """
    if _levels(given) > _LEVELS:
        raise RulesError(f"rules: any, all and not stand within each other more than {_DEEPEST} times")
    try:
        book = RuleBook.model_validate(given)
    except ValidationError as problem:
        raise RulesError(_explained(given, problem)) from None
    if "rules" not in book.model_fields_set:
        raise RulesError('rules: the document says nothing; to do without any, write rules = [], in JSON {"rules": []}')
    return book


def read_toml(text: str) -> RuleBook:
    """The rules of a TOML document; errors as :func:`read_rules`."""
    try:
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise RulesError(f"rules: not TOML: {problem}") from None
    return read_rules(given)


def written(book: RuleBook) -> str:
    """A document that :func:`~recommend.articles.rules.read_toml` reads as these rules."""
    blocks = [] if book else ["rules = []\n"]
    for rule in book.document()["rules"]:
        lines = ["[[rules]]"]
        for name, value in rule.items():
            if name in ("when", "then"):
                lines += [f"{name}.{key} = {_value(one)}" for key, one in value.items()]
            else:
                lines.append(f"{name} = {_value(value)}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _levels(given: object) -> int:
    """How deep tables and lists stand within each other."""
    depth, level = 0, [given]
    while level and depth <= _LEVELS:
        depth += 1
        within = (one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, Mapping | list))
        level = [one for some in within for one in some]
    return depth


def _explained(given: object, problem: ValidationError) -> str:
    first = problem.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    where, parts = "rules: ", place
    if len(place) > 1 and place[0] == "rules":
        number, parts = int(place[1]), place[2:]
        where = f"rule {number + 1}{_called(given, number)}: "
    name = ".".join(parts)
    if first["type"] == "extra_forbidden":
        known = _known_beside(parts) if parts is not place else _names(RuleBook)
        near = get_close_matches(parts[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return f"{where}{name} is unknown: {hint}"
    if first["type"] == "missing":
        return f"{where}{name} is missing"
    if first["type"] == "tuple_type" and name == "rules":
        return "rules: is not a list: write [[rules]], with two brackets each side, above every rule"
    value = "" if first["type"] == "value_error" else f" {truncated_repr(first['input'])}"
    message = first["msg"].removeprefix("Value error, ").replace("a valid tuple", "one value, or a list of them")
    return f"{where}{name}{value}: {message}" if name else f"{where}{message}"


def _called(given: object, number: int) -> str:
    rules = given.get("rules") if isinstance(given, Mapping) else None
    rule = rules[number] if isinstance(rules, list) and number < len(rules) else None
    name = rule.get("name") if isinstance(rule, Mapping) else None
    return f" {truncated_repr(name)}" if isinstance(name, str) else ""


def _known_beside(parts: list[str]) -> list[str]:
    """The fields of what lacks the one that a path within a rule ends in."""
    kinds: dict[str, type[Part]] = {"then": Then, "ignore": Signals}
    above = next((part for part in reversed(parts[:-1]) if not part.isdigit()), None)
    names = _names(Rule if above is None else kinds.get(above, Match))
    return [name for name in names if name not in _OF_CANDIDATES] if parts[0] == "when" else names


def _names(kind: type[Part]) -> list[str]:
    return [field.alias or name for name, field in kind.model_fields.items()]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_value(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return _value(value[0]) if len(value) == 1 else f"[{', '.join(map(_value, value))}]"
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
