"""Markdown with a head of YAML or TOML, as Hugo, Jekyll and their like keep stories."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from recommend.articles.links import RELATED_FIELDS
from recommend.sources.encoding import decode
from recommend.sources.limits import FRONT_MATTER_LIMIT, LINE_LIMIT
from recommend.sources.parsing import ParsingError, parse
from recommend.sources.row import Reject, Row, RowWarning, rows
from recommend.sources.stream import ByteStream, oversize

_FENCES = {"---": "---", "+++": "+++"}
_TEMPLATE = re.compile(r"\{\{[<%][^{}]{0,1000}\}\}|\{%[^{}]{0,1000}%\}")
_DATED = re.compile(r"(\d{4}-\d\d-\d\d)-(.+)")
_NO = {"false", "no", "off", "0"}
_FIELDS = {  # the names under which each field is found, the best first
    "title": ("title",),
    "summary": ("summary", "description", "excerpt", "subtitle"),
    "published_at": ("publishDate", "publishdate", "date", "pubDate"),
    "updated_at": ("lastmod", "updated", "modified", "last_modified_at", "updated_at"),
    "expires_at": ("expiryDate", "expirydate", "expires_at"),
    "image_url": ("image", "image_url", "featured_image", "feature_image", "cover", "thumbnail", "images"),
    "section": ("section",),
    "tags": ("tags", "keywords"),
    "authors": ("authors", "author"),
    "language": ("language", "lang", "locale"),
    "access": ("access",),
    "genre": ("genre",),
}


def read_markdown(stream: ByteStream) -> Iterator[Row]:
    """The story of a Markdown file with a head of YAML (``---``) or TOML (``+++``); a warning where it has none.

    A draft stays one, whatever else the head says, and what is behind a password is not published.
    """
    data = stream.read(LINE_LIMIT + 1)
    if len(data) > LINE_LIMIT:
        yield Reject(stream.name, None, None, None, "", oversize(len(data)))
        return
    try:
        page = parse("markdown", data, {})
    except ParsingError as problem:
        yield Reject(stream.name, None, None, None, "", str(problem))
        return
    if page is None:
        reason = "has no head between lines of --- or +++ and was passed over"
        yield RowWarning(stream.name, None, None, None, "", reason)
        return
    yield from rows(_row(page["head"], page["html"], stream.name), stream.name, 1)


def _row(head: Mapping[str, Any], html: str, name: str) -> dict[str, object]:
    path = PurePath(name.removesuffix(".gz"))
    stem = path.parent.name if path.stem in {"index", "_index"} else path.stem
    dated = _DATED.fullmatch(stem)
    places = [str(head[key]) for key in ("url", "permalink", "canonical_url", "link") if head.get(key)]
    url = next((place for place in places if place.startswith(("/", "http")) and "/:" not in place), None)
    row: dict[str, Any] = {field: _first(head, names) for field, names in _FIELDS.items()}
    image = row["image_url"]
    image = image[0] if isinstance(image, list) and image else image
    row["image_url"] = next(iter(image.values()), None) if isinstance(image, Mapping) else image or None
    categories = _first(head, ("categories", "category"))
    sections = categories if isinstance(categories, list) else [categories] if categories else []
    row["section"] = row["section"] or next(iter(sections), None)
    row["published_at"] = row["published_at"] or (dated[1] if dated else None)
    slug = head.get("slug") or (dated[2] if dated else stem)
    own = {
        "id": head.get("id") or head.get("uuid") or url or slug,
        "url": url,
        "text": html,
        "status": _status(head, path),
    }
    links = {name: head.get(name) for name in ("links_to", *RELATED_FIELDS)}
    return {name: value for name, value in (row | own | links).items() if value is not None}


def _first(head: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((head[name] for name in names if head.get(name) is not None and head[name] != ""), None)


def _status(head: Mapping[str, Any], path: PurePath) -> str:
    if head.get("password") or "_drafts" in path.parts:
        return "draft"
    if head.get("draft", False) is not False or str(head.get("published")).strip().lower() in _NO:
        return "draft"
    return str(head.get("status") or "published")


def find_story(data: bytes, _told: Mapping[str, str]) -> dict[str, object] | None:
    """Head and body of a Markdown file, as JSON has them; runs in a process of its own, see ``parsing``."""
    from markdown_it import MarkdownIt

    text = decode(data).replace("\r\n", "\n")
    fence = _FENCES.get(text[:4].rstrip("\n"))
    end = -1 if fence is None else text.find(f"\n{fence}", 3, FRONT_MATTER_LIMIT)
    if fence is None or end < 0:
        return None
    head = tomllib.loads(text[4:end]) if fence == "+++" else _yaml(text[4:end])
    if not isinstance(head, dict):
        return None
    body = _TEMPLATE.sub(" ", text[end + 4 :].partition("\n")[2])
    return {"head": _plain(head), "html": MarkdownIt("commonmark").enable("table").render(body)}


def _yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Takes dates as they are written, and no name for a part: those can make a small text a very large value."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
            start: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("the front matter refers to a part of itself")
            return super().compose_node(parent, index)

    return yaml.load(text, Loader)  # noqa: S506 - a safe loader


def _plain(value: Any) -> Any:
    """What TOML gives, as JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return (
        value.isoformat()
        if isinstance(value, date)
        else value
        if isinstance(value, str | int | float | bool | None)
        else str(value)
    )
