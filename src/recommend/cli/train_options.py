"""The group of commands that learn, and the options that they share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from recommend.cli.app import app

train = typer.Typer(no_args_is_help=True, help="Learns an encoder, an adapter or a ranker from judgements.")
app.add_typer(train, name="train")

HoldOut = Annotated[
    datetime | None,
    typer.Option(help="Articles from this day on are held out to tell what is learned; by default the last fifth."),
]
Steps = Annotated[int | None, typer.Option(min=1, help="Of training; the best on what is held out is kept.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the random numbers.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what exists there, whatever it is, and write what is worse, too.")
]
