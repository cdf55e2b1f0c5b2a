"""Commands for the API keys of the service: keys create, keys list, keys revoke."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, flush, out, plain, print_json, print_table
from recommend.cli.output import existing
from recommend.store import Store
from recommend.store.keys import Key, Scope

keys = typer.Typer(no_args_is_help=True, help="API keys of the service.")
app.add_typer(keys, name="keys")

_Name = Annotated[str, typer.Argument(help="Whose key it is, as it will stand in the history of changes.")]


@keys.command()
def create(
    context: typer.Context,
    name: _Name,
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it allows; may be repeated.")],
    json: Json = False,
) -> None:
    """Makes a key and prints its secret, once: it is kept nowhere."""
    with closing(Store(read_settings(context).store)) as store:
        secret = store.keys.create(name, scopes)
        try:
            if json:
                print_json({"name": name, "scopes": sorted(set(scopes)), "secret": secret})
            else:
                err.print("The secret is shown only now:")
                out.print(secret, markup=False)
            flush()
        except BaseException:  # an interrupt, too: nobody has the secret
            store.keys.remove(name)
            raise


@keys.command("list")
def list_keys(context: typer.Context, json: Json = False) -> None:
    """Shows every key, without the secrets."""
    with closing(Store(read_settings(context).store, readonly=True)) as store:
        keys_held = store.keys.all()
    if json:
        print_json([_row(key) for key in keys_held])
        return
    if not keys_held:
        err.print("there are no keys yet; recommend keys create NAME --scope write makes one")
        return
    rows = [(key.name, " ".join(sorted(key.scopes)), f"{key.created_at:%Y-%m-%d}", _state(key)) for key in keys_held]
    lines = (f"{plain(name)}  {scopes}  created {created}  {state}" for name, scopes, created, state in rows)
    print_table(("name", "scopes", "created", "state"), rows, lines)


@keys.command()
def revoke(context: typer.Context, name: _Name) -> None:
    """Makes a key invalid, for good and in every worker."""
    with closing(Store(existing(read_settings(context)))) as store:
        store.keys.revoke(name)
    out.print(f"{plain(name)} is revoked")


def _state(key: Key) -> str:
    return "valid" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"


def _row(key: Key) -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
