"""Which module has which command: it is imported when one of them runs, so that help and short ones start at once."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

MODULES = {
    "demo": ("serve", "Indexes a sample newspaper and serves it with related stories under each article."),
    "init": ("init", "Looks at your articles, shows the first as they would be read, and writes recommend.toml."),
    "ingest": ("ingest", "Stores articles, each with its embedding; only what changed is embedded."),
    "reindex": (
        "reindex",
        "Builds a snapshot of the store, verifies it, compares it with the live one and publishes it.",
    ),
    "related": ("related", "The stories that belong under an article, or under a draft."),
    "links": ("links", "Words in an article, or in a draft, and the story that a link on each should lead to."),
    "rules": ("rules", "What boxes show under kinds of stories, as editors want it."),
    "serve": ("serve", "Serves the HTTP API."),
    "snippet": (
        "snippet",
        "Prints the lines that put the box into a page, and what the service must allow for them to work.",
    ),
    "export": (
        "export",
        "Writes the related stories of every article to a file; run again after a kill, it goes on where it was.",
    ),
    "exposure": (
        "exposure",
        "Which stories no box leads to, which many do, and which cannot be reached from the front page.",
    ),
    "evaluate": ("evaluate", "Ranks judged queries through the production path and measures the rankings."),
    "compare": (
        "compare",
        "Tells whether run B serves readers better than run A: differences with intervals and a paired test.",
    ),
    "ablate": (
        "ablate",
        "Measures every combination of some settings, and holds each against the settings as they are.",
    ),
    "judge": ("judge", "Opens a page on which pairs of articles are graded by keyboard, blind and shuffled."),
    "collection": ("collection", "Makes articles and judgements of a collection that others published."),
    "train": ("training", "Learns an encoder, an adapter or a ranker from judgements."),
    "events": ("clicks", "Impressions and clicks."),
    "config": ("config", "The settings: what they are, and what each means."),
    "keys": ("keys", "API keys of the service."),
    "status": (
        "operating",
        "How old the snapshot is, how far behind the store, what waits for an embedding, how the last job ended.",
    ),
    "doctor": ("operating", "Checks store, models and index, says how to mend what is wrong, and changes nothing."),
    "snapshots": ("operating", "The snapshots that are kept, newest first, and which one is live."),
    "rollback": ("operating", "Makes an earlier snapshot the live one; what was taken down since stays gone."),
    "publish": ("shipping", "Copies the live snapshot to where other machines follow it."),
    "follow": (
        "shipping",
        "Keeps this machine's index at the snapshot that was published elsewhere; each is verified before it is used.",
    ),
    "backup": ("operating", "Copies the SQLite store, consistently, even while it is in use."),
    "restore": ("operating", "Puts the articles of a backup into the store; what was taken down since stays gone."),
}


GLOBAL = ("--store", "--index", "--config")


def _in_front(args: list[str]) -> list[str]:
    """The arguments with the global options, and their values, before the command."""
    front, rest, remaining = list[str](), list[str](), iter(args)
    for one in remaining:
        if one == "--":
            rest += [one, *remaining]
        elif one in GLOBAL:
            front += [one, *([following] if (following := next(remaining, None)) is not None else [])]
        elif one.startswith(tuple(f"{name}=" for name in GLOBAL)):
            front.append(one)
        else:
            rest.append(one)
    return front + rest


class Unloaded(TyperCommand):
    """What stands for a command in lists until it runs."""


class Commands(TyperGroup):
    """The commands of MODULES, known by name and line of help; the module of one is imported when it runs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        listed: dict[str, Any] = {name: Unloaded(name, help=line) for name, (_, line) in MODULES.items()}
        self.commands = listed | dict(self.commands)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes the global options wherever they stand."""
        return super().parse_args(ctx, _in_front(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with, its module imported."""
        if args and isinstance(self.commands.get(args[0]), Unloaded):
            gc.disable()  # nothing that is imported is garbage: looking for some was a tenth of the time of most
            try:
                module = import_module(f"recommend.cli.{MODULES[args[0]][0]}")
            finally:
                gc.enable()
            self.commands.update(get_group(module.app).commands)
        return super().resolve_command(ctx, args)
