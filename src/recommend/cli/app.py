"""The command line's frame: global flags, exit codes, what every command shares."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.cli.commands import Commands

if TYPE_CHECKING:
    from recommend.settings import Settings

FAILED, QUARANTINED = 1, 3

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fills the Related Articles box under a story.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")]
Articles = Annotated[str, typer.Option(metavar="FILE", help="Anything that ingest reads.")]
Qrels = Annotated[Path, typer.Option(metavar="FILE", help="TREC judgements: query 0 document grade.")]
Scratch = Annotated[
    Path | None, typer.Option("--scratch", metavar="DIR", help="Keep store and index here for next time.")
]


class Flags:
    """The global flags as given, until a command turns them into settings."""

    store: str | None = None
    index: Path | None = None
    config: Path | None = None

    @classmethod
    def settings(cls, assignments: list[str] | None = None) -> Settings:
        """The settings under these flags and ``--set`` assignments."""
        from recommend.settings import load_settings

        return load_settings(cls.config, assignments or [], {"store": cls.store, "index": cls.index})


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"related-articles {version('related-articles')}")
        raise typer.Exit


@app.callback()
def flags(
    store: Annotated[str | None, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://…")] = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the snapshots.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Fills the Related Articles box under a story.

    RECOMMEND_STORE, RECOMMEND_INDEX and RECOMMEND_CONFIG stand in for the global options.
    """
    given = os.environ.get("RECOMMEND_CONFIG")
    Flags.store, Flags.index = store, index
    Flags.config = config or (Path(given) if given else None)
