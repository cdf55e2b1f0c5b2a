"""The command line's frame: global flags, exit codes, what every command shares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommend.cli.commands import Commands

if TYPE_CHECKING:
    from recommend.settings import Settings

FAILED, QUARANTINED = 1, 3

CONFIG = Path("recommend.toml")
"""The settings of a folder, read where a command runs."""

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fills the Related Articles box under a story.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Succeed even when there is no article.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")]
Articles = Annotated[str, typer.Option(metavar="FILE", help="Anything that ingest reads.")]
Qrels = Annotated[Path, typer.Option(metavar="FILE", help="TREC judgements: query 0 document grade.")]
QrelsOrEditors = Annotated[
    Path,
    typer.Option(
        metavar="FILE|editors",
        help="TREC judgements; editors: the links among the articles themselves, whose words are then hidden.",
    ),
]
Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", metavar="MEASURE", help="As ir_measures writes it: nDCG@10, AP(rel=2), Judged@10 …"),
]
ClusterBy = Annotated[
    str,
    typer.Option(
        metavar="BY",
        help="Which queries depend on each other: queries (none), stories, topics, a field, a file of query and "
        "cluster; auto: stories, where there are ten or more and none is most of it all.",
    ),
]
UnknownDays = Annotated[
    float, typer.Option(min=0.0, help="Judgements say nothing on articles less than so many days apart.")
]
Scratch = Annotated[
    Path | None,
    typer.Option("--scratch", metavar="DIR", help="Folder in which store and index are kept for the next time."),
]


@dataclass(frozen=True, slots=True)
class Flags:
    """The global flags as given."""

    store: str | None = None
    index: str | None = None
    config: Path | None = None


def given_flags(context: typer.Context) -> Flags:
    """The global flags of the command that runs."""
    flags = context.find_object(Flags)
    assert flags is not None, "the callback of the app puts them into the context"
    return flags


def read_settings(context: typer.Context, assignments: Sequence[str] = ()) -> Settings:
    """The settings under the global flags of a command and ``--set`` assignments.

    Raises:
        SettingsError: for a file that is missing or not TOML, an unknown name, a value out of range.
    """
    from recommend.configuration import load_settings

    flags = given_flags(context)
    return load_settings(flags.config, assignments, {"store": flags.store, "index": flags.index})


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"related-articles {version('related-articles')}")
        raise typer.Exit


@app.callback()
def global_flags(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://…")] = None,
    index: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the snapshots, or postgresql://… with pgvector.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Fills the Related Articles box under a story.

    RECOMMEND_STORE, RECOMMEND_INDEX and RECOMMEND_CONFIG stand in for the global options, which may stand anywhere;
    recommend.toml is read where it lies in the folder. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but with
    rows that were set aside.
    """
    given = os.environ.get("RECOMMEND_CONFIG")
    here = CONFIG if CONFIG.is_file() else None
    context.obj = Flags(store, index, config or (Path(given) if given else here))
