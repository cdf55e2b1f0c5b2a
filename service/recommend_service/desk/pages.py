"""How pages of the desk are made of templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from recommend_service.http.assets import asset_path
from recommend_service.http.web import WEB

_HEADERS = {"Cache-Control": "no-store"}
FEATURES = {
    "dense": "Alike in meaning",
    "lexical": "Words and names in common",
    "context": "The same among what is near to both",
    "titles": "Its headline is spoken of",
    "length": "It says much",
    "backlinks": "Others link to it, ln(1 + how many)",
    "time_curve": "Near in time, as this archive has it",
    "days_log": "Days apart",
    "section": "Same section",
    "tags": "Tags in common",
    "authors": "Authors in common",
}
"""What features are called before editors; others go by their name."""


def render(request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
    """A page of a template; it is kept by no cache."""
    root = request.scope.get("root_path", "").rstrip("/")
    here = request.url.path.removeprefix(root)
    variables = {"root": root, "here": here, "key": None, "curates": False, **context}
    return _TEMPLATES.TemplateResponse(request, template, variables, status, _HEADERS)


def story_path(article_id: str) -> str:
    """Where the desk shows a story, below the root of the service."""
    return f"/desk/stories/{quote(article_id, safe='')}"


def _moment(moment: datetime | None) -> str:
    """With the hour, unless it is midnight sharp: then nobody knew it."""
    if moment is None:
        return ""
    day = f"{moment.day} {moment:%b} {moment.year}"
    return f"{day}, {moment:%H:%M} UTC" if (moment.hour, moment.minute) != (0, 0) else day


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.day} {moment:%b} {moment.year}"


def _duration(seconds: float | None) -> str:
    """In the largest unit that leaves more than one of it."""
    if seconds is None:
        return "unknown"
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}s"
    return f"{seconds:.0f} seconds"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "desk"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=_moment, day=_day, duration=_duration, query=urlencode)
    environment.globals.update(asset_path=asset_path, story_path=story_path, features=FEATURES)
    return environment


_TEMPLATES = Jinja2Templates(env=_environment())
