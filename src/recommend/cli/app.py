"""The command line's frame: global flags, exit codes, what every command shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from recommend.settings import Settings, load_settings

FAILED, QUARANTINED = 1, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
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
        return load_settings(cls.config, assignments or [], {"store": cls.store, "index": cls.index})


@app.callback()
def flags(
    store: Annotated[str | None, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://…")] = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the snapshots.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML.")] = None,
) -> None:
    """Fills the Related Articles box under a story.

    RECOMMEND_STORE, RECOMMEND_INDEX and RECOMMEND_CONFIG stand in for the global options.
    """
    given = os.environ.get("RECOMMEND_CONFIG")
    Flags.store, Flags.index = store, index
    Flags.config = config or (Path(given) if given else None)
