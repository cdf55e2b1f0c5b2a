"""Templates of pages: what is put into one is escaped, and a name that it lacks is an error."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recommend_service.http.assets import asset_path
from recommend_service.http.web import WEB


def templates(folder: str) -> Environment:
    """Those in a folder below `WEB`; each knows ``asset_path``."""
    environment = Environment(
        loader=FileSystemLoader(WEB / folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset_path"] = asset_path
    return environment
