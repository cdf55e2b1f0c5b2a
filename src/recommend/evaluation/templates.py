"""The pages of this package: what stands in them is escaped, and steers no terminal and no direction of writing."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from recommend.errors import visible
from recommend.evaluation.plots import NAMESPACE


@cache
def page_of(name: str) -> Template:
    """The template of a page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printed,
    )
    environment.filters["day"] = _day
    return environment.get_template(name)


def page_begins(path: Path, title: str) -> bool:
    """Whether a file is a page of this package whose title begins so."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f"<title>{title}".encode() in file.read(4096)


def inline(svg: str) -> Markup:
    """A picture of :mod:`recommend.evaluation.plots` as part of a page, which needs no address of what SVG is."""
    return Markup(svg.replace(f' xmlns="{NAMESPACE}"', "", 1))  # noqa: S704 - escaped where it was drawn


def _printed(value: object) -> object:
    return visible(value) if type(value) is str else value  # markup of our own is none


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
