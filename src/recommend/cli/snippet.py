"""The command that prints the lines which put the box into a page."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256, sha384
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.errors import SettingsError, truncated_repr

ELEMENT = "related-articles.js"


@app.command()
def snippet(
    context: typer.Context,
    service: Annotated[
        str, typer.Option("--service", metavar="URL", help="Address at which readers' browsers reach the service.")
    ] = "http://127.0.0.1:8000",
    page: Annotated[
        str | None, typer.Option("--page", metavar="URL", help="Address of the pages, if it is another.")
    ] = None,
    integrity: Annotated[bool, typer.Option(help="Pin the script to its present content by its hash.")] = True,
    json: Json = False,
) -> None:
    """Prints the lines that put the box into a page, and what the service must allow for them to work."""
    root, origin = service.rstrip("/"), _origin("--service", service)
    body = _element().read_bytes()
    version, pinned = sha256(body).hexdigest()[:16], f"sha384-{b64encode(sha384(body).digest()).decode()}"
    address = escape(f"{root}/assets/{ELEMENT}?v={version}")
    hashed = f' integrity="{pinned}" crossorigin="anonymous"' if integrity else ""
    lines = [
        f'<script src="{address}"{hashed} defer></script>',
        f'<related-articles article="ID OF THE STORY" endpoint="{escape(root)}">',
        '  <a href="/latest">Latest articles</a>',
        "</related-articles>",
    ]
    asking = None if page is None else _origin("--page", page)
    allowed = read_settings(context).service.cors_origins
    missing = asking if asking not in {None, origin, *allowed} and "*" not in allowed else None
    if json:
        print_json({"html": "\n".join(lines), "integrity": pinned, "version": version, "missing_origin": missing})
        return
    out.print("\n".join(lines), markup=False)
    notes = ["article: the id of the story; without it, the address in the page's canonical link is looked up"]
    notes.append("inside: what readers see where script or service fail")
    if integrity:
        notes.append("integrity: holds for this release; print the lines again after an upgrade, or use --no-integrity")
    if missing is not None:
        notes.append(f"pages of {missing} may not ask yet: set service.cors_origins = [{missing!r}] in recommend.toml")
    elif asking is None and not allowed:
        notes.append(f"pages at another address than {origin} need service.cors_origins; --page URL tells")
    for note in notes:
        err.print(plain(note), style="dim")


def _origin(option: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingsError(f"{option} {truncated_repr(url)} is not an address such as https://news.example")
    return f"{parts.scheme}://{parts.netloc}"


def _element() -> Path:
    """The script as the service has it: inside its package once it is installed, beside it in the sources."""
    service = find_spec("recommend_service")
    assert service is not None
    assert service.submodule_search_locations is not None  # both come in one distribution
    package = Path(service.submodule_search_locations[0])
    inside = package / "web" / "element" / ELEMENT
    return inside if inside.is_file() else package.parent / "web" / "element" / ELEMENT
