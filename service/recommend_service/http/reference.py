"""The OpenAPI document as a page to read: operations by group, then the shapes they speak in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from recommend_service.http.templates import templates

_BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "minLength": "{} characters or more",
    "maxLength": "at most {} characters",
    "minItems": "{} or more",
    "maxItems": "at most {}",
    "pattern": "as {}",
    "format": "{}",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a shape."""

    name: str
    place: str
    required: bool
    type: Markup
    default: str | None
    text: Markup


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does.

    Attributes:
        body: the shapes that a body may have, by media type.
        responses: status, description, shape.
    """

    id: str
    method: str
    path: str
    summary: str
    text: Markup
    keyed: bool
    parameters: list[Field]
    body: list[tuple[str, Markup]]
    example: str | None
    responses: list[tuple[str, str, Markup]]


def render_reference(document: Mapping[str, Any], root: str) -> str:
    """The page of an OpenAPI document.

    Args:
        document: the whole of it.
        root: of the service, in front of its paths.
    """
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            group = (described.get("tags") or ["other"])[0]
            groups.setdefault(group, []).append(_operation(path, method, described))
    schemas = document.get("components", {}).get("schemas", {})
    shapes = {name: (_markdown(one.get("description")), list(_fields(one))) for name, one in sorted(schemas.items())}
    page = templates("reference").get_template("reference.html")
    return page.render(info=document["info"], groups=groups, shapes=shapes, root=root)


def _operation(path: str, method: str, described: Mapping[str, Any]) -> Operation:
    contents = described.get("requestBody", {}).get("content", {})
    examples = (_example(content) for content in contents.values())
    return Operation(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described.get("summary", ""),
        text=_markdown(described.get("description")),
        keyed="security" in described,
        parameters=[
            _field(one["name"], one["in"], one.get("required", False), one["schema"], one.get("description"))
            for one in described.get("parameters", [])
        ],
        body=[(kind, _type(content.get("schema", {}))) for kind, content in contents.items()],
        example=next((one for one in examples if one), None),
        responses=[
            (status, one.get("description", ""), _shape(one)) for status, one in sorted(described["responses"].items())
        ],
    )


def _shape(response: Mapping[str, Any]) -> Markup:
    contents: Mapping[str, Any] = response.get("content", {})
    schema: Mapping[str, Any] = next((one.get("schema", {}) for one in contents.values()), {})
    documented = schema and "properties" not in schema  # those of problems are written out, and the same everywhere
    return _type(schema) if documented else Markup("")


def _example(content: Mapping[str, Any]) -> str | None:
    example = content.get("example") or next(iter(content.get("schema", {}).get("examples", [])), None)
    return None if example is None else json.dumps(example, indent=2, ensure_ascii=False)


def _fields(schema: Mapping[str, Any]) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        yield _field(name, "", name in required, one, one.get("description"))


def _field(name: str, place: str, required: bool, schema: Mapping[str, Any], text: str | None) -> Field:
    default = schema.get("default")
    shown = None if default in (None, [], "") else json.dumps(default)
    return Field(name, place, required, _type(schema), shown, _markdown(text or schema.get("description")))


def _type(schema: Mapping[str, Any]) -> Markup:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return Markup('<a href="#shape-{0}">{0}</a>').format(name)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            kinds = [_type(one) for one in schema[several] if one.get("type") != "null"]
            return Markup(" or ").join(dict.fromkeys(kinds))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return Markup(" | ").join(Markup("<code>{}</code>").format(value) for value in values)
    kind = schema.get("type", "anything")
    if kind == "array":
        return Markup("list of {}").format(_type(schema.get("items", {})))
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("{} by name").format(_type(schema["additionalProperties"]))
    bounds = [words.format(schema[name]) for name, words in _BOUNDS.items() if name in schema]
    return escape(f"{kind}, {', '.join(bounds)}" if bounds else kind)


def _markdown(text: str | None) -> Markup:
    return Markup(_PARSER.render(text or ""))  # noqa: S704  what is HTML in it, the parser escapes


_PARSER = MarkdownIt("commonmark", {"html": False})
