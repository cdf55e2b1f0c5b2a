"""What the outputs of a command must leave alone."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import given_flags
from recommend.errors import OutputError, StoreError, truncated_repr
from recommend.files import Kept, Kind, check_output
from recommend.settings import Settings
from recommend.store.sqlite import store_files

Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist there.")]

_FILE = "file://"


def check_target(
    context: typer.Context,
    option: str,
    target: Path,
    kind: Kind,
    settings: Settings,
    *,
    inputs: Iterable[str | Path] = (),
    others: Iterable[Kept] = (),
    force: bool = False,
) -> None:
    """Decides whether an output of a command may be written, before anything is done.

    Args:
        option: its name.
        target: the file, or folder, it names.
        kind: what is to be written.
        settings: of the store and the index that are to be kept.
        inputs: what the command reads, as it was given.
        others: what else is to be kept.
        force: replace what exists there, whatever it is; never anything of the above.

    Raises:
        OutputError: naming what would be overwritten and the way out.
    """
    check_output(option, target, kind, [*protected(context, settings), *_read(inputs, target), *others], force=force)


def check_folder(option: str, target: Path) -> None:
    """Refuses a file in a folder that is not there.

    Raises:
        OutputError: naming the folder and the way out.
    """
    if not target.parent.is_dir():
        folder = truncated_repr(target.parent)
        raise OutputError(f"{option} {truncated_repr(target)}: folder {folder} does not exist; make it first")


def existing(settings: Settings) -> str:
    """The URL of the store, for commands that work on what is in one: a file that is not there is not begun.

    Raises:
        StoreError: naming it and the way out.
    """
    files = store_files(settings.store)
    if files and not files[0].is_file():
        raise StoreError(f"store {settings.store} does not exist; recommend ingest begins one, --store names another")
    return settings.store


def protected(context: typer.Context, settings: Settings) -> list[Kept]:
    """The files of store, index and configuration."""
    given = given_flags(context).config
    config = [] if given is None else [Kept(given, "the configuration")]
    store = [Kept(file, "the store") for file in store_files(settings.store)]
    return [*store, Kept(settings.index, "the index"), *config]


def check_scratch(context: typer.Context, option: str, folder: Path | None, settings: Settings) -> None:
    """Refuses a folder to work in whose store or index would be those that the settings name.

    Raises:
        OutputError: naming the folder and the way out.
    """
    if folder is None:
        return
    for one in protected(context, settings):
        own = [*store_files(f"sqlite:///{folder / 'store.db'}"), folder / "recommend.db", folder / "index"]
        if any(one.holds(path) for path in own):
            held = f"{one.name} {truncated_repr(one.path)}"
            raise OutputError(f"{option} {truncated_repr(folder)} holds {held}; give another folder")


def _read(inputs: Iterable[str | Path], target: Path) -> Iterator[Kept]:
    for given in inputs:
        location = str(given).removeprefix(_FILE)
        path = Path(location)
        if "://" in location:
            files: Iterable[Path] = store_files(location)
        elif path.is_dir():
            files = (file for file in path.rglob("*") if file.is_file()) if target.exists() else ()
        elif path.exists():
            files = [path]
        else:
            files = map(Path, glob.glob(location, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        yield from (Kept(file, "an input") for file in files)
