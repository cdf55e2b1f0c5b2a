"""Commands for the settings: config show, config explain, config reference."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recommend.cli.app import Assignments, Json, app, read_settings
from recommend.cli.console import out, plain, print_json
from recommend.errors import SettingsError, truncated_repr
from recommend.settings import Settings

config = typer.Typer(no_args_is_help=True, help="The settings: what they are, and what each means.")
app.add_typer(config, name="config")

_SECRET = {"store", "pgvector.url", "pgvector.shards", "service.api_keys"}


_HEAD = """# Settings

Flags beat the environment, that beats the file, and that the defaults. The file is the one that `--config` or
`RECOMMEND_CONFIG` names, else `recommend.toml` where a command runs. `group.key` is `[group] key` there,
`RECOMMEND_GROUP__KEY` in the environment, and `--set group.key=…` on the command line where a command takes it.
`recommend config show` prints what is in force, `recommend config explain KEY` explains one. This page is made by
`recommend config reference`.

```toml
store = "sqlite:///recommend.db"

[sources]
date_order = "dmy"

[sources.map]
Headline = "title"

[policy]
floor = 0.2

[service]
cors_origins = ["https://news.example"]
```"""


class Setting(NamedTuple):
    """One setting: its name, as ``group.key``, and what the code says of it."""

    name: str
    field: FieldInfo

    @property
    def default(self) -> Any:
        """As JSON has it."""
        default = self.field.get_default(call_default_factory=True)
        return str(default) if hasattr(default, "joinpath") else default

    @property
    def values(self) -> str:
        """What it may be, in words."""
        kind, bounds = self.field.annotation, {type(one).__name__: one for one in self.field.metadata}
        if get_origin(kind) is Literal:
            return ", ".join(repr(one) if one == "" else str(one) for one in get_args(kind))
        if kind is bool:
            return "true or false"
        if kind in {int, float}:
            noun = "whole number" if kind is int else "number"
            least, above, most = bounds.get("Ge"), bounds.get("Gt"), bounds.get("Le")
            low = f" from {least.ge:,g}" if least else f" above {above.gt:,g}" if above else ""
            return noun + low + (f" to {most.le:,g}" if most else "")
        return {list: "list", dict: "table"}.get(get_origin(kind) or kind, "text")  # type: ignore[arg-type]

    @property
    def variable(self) -> str:
        """Of the environment."""
        return f"RECOMMEND_{self.name.upper().replace('.', '__')}"


def all_settings(group: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Setting]:
    """Every setting, in the order of the code."""
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from all_settings(field.annotation, f"{prefix}{name}.")
        else:
            yield Setting(f"{prefix}{name}", field)


@config.command()
def show(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that are as they come.")] = False,
    assignments: Assignments = None,
    json: Json = False,
) -> None:
    """Prints the settings in force that differ from what they are by default."""
    given, found = read_settings(context, assignments or []).model_dump(mode="json"), dict[str, Any]()
    for setting in all_settings():
        value: Any = given
        for part in setting.name.split("."):
            value = value[part]
        if every or value != setting.default:
            found[setting.name] = "***" if setting.name in _SECRET and _holds_secret(value) else value
    if json:
        print_json(found)
        return
    for name, value in found.items():
        out.print(plain(f"{name} = {_written(value)}"))
    if not found:
        out.print("every setting is as it is by default; --all prints them")


def _holds_secret(value: object) -> bool:
    return bool(value) if isinstance(value, list) else "@" in str(value)


@config.command()
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As policy.floor; a group, as policy, explains all of it.")],
) -> None:
    """Says what a setting means, what it may be, and where it is set."""
    known = {setting.name: setting for setting in all_settings()}
    some = [known[key]] if key in known else [one for name, one in known.items() if name.startswith(f"{key}.")]
    if not some:
        near = get_close_matches(key, known, n=1) or [name for name in known if name.endswith(f".{key}")]
        hint = f"did you mean {near[0]}?" if near else "recommend config show --all lists them"
        raise SettingsError(f"setting {truncated_repr(key)} is unknown: {hint}")
    for setting in some:
        group, _, name = setting.name.rpartition(".")
        out.print(f"[bold]{setting.name}[/bold]  {plain(setting.field.description or '')}")
        out.print(plain(f"    {setting.values}; default {_written(setting.default)}"))
        table = f"[{group}] {name}" if group else name
        out.print(
            plain(f"    {table} = …  in recommend.toml, --set {setting.name}=…, or {setting.variable}"), style="dim"
        )


@config.command()
def reference() -> None:
    """Prints every setting as a page of the documentation, docs/reference/settings.md."""
    out.print(page(), markup=False, end="")


def page() -> str:
    """The page of every setting, made from the code."""
    lines = [_HEAD]
    last = None
    for setting in all_settings():
        group = setting.name.rpartition(".")[0]
        if group != last:
            lines += [
                "",
                f"## {group}" if group else "## Where things are",
                "",
                "| setting | is | default | means |",
                "|---|---|---|---|",
            ]
            last = group
        cells = (f"`{setting.name}`", setting.values, f"`{_written(setting.default)}`", setting.field.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _written(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_written(one)}' for name, one in value.items())}}}"
    return str(value) if isinstance(value, int | float) else f'"{value}"'
