"""Commands are known before they are imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

from typer.main import get_group
from typer.testing import CliRunner

from recommend.cli.app import app
from recommend.cli.commands import MODULES, Unloaded


def test_every_command_is_listed_with_the_line_of_help_it_has() -> None:
    for module, _ in MODULES.values():
        import_module(f"recommend.cli.{module}")
    loaded = {name: command for name, command in get_group(app).commands.items() if not isinstance(command, Unloaded)}
    assert {name: str(command.help).splitlines()[0] for name, command in loaded.items()} == {
        name: line for name, (_, line) in MODULES.items()
    }


def test_a_command_is_found_in_the_module_that_the_list_names() -> None:
    """Each with a command line that has loaded no other, in one process, which imports what they rest on once."""
    script = (
        "import gc, sys\nfrom importlib import import_module\nfrom typer.testing import CliRunner\n"
        "names = sys.argv[1:]\n"
        "for name in names:\n"
        "    for loaded in [module for module in sys.modules if module.startswith('recommend.cli')]:\n"
        "        del sys.modules[loaded]\n"
        "    ran = CliRunner().invoke(import_module('recommend.cli.app').app, [name, '--help'])\n"
        "    assert (ran.exit_code, 'Usage' in ran.output) == (0, True), (name, ran.output, ran.exception)\n"
        "    assert gc.isenabled(), 'garbage is looked for again once the module is there'\n"
        "    print(name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, *MODULES]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == list(MODULES)


def test_help_and_version_import_neither_numbers_nor_settings() -> None:
    script = (
        "import sys\nfrom recommend.cli.app import app\nfrom typer.testing import CliRunner\n"
        "assert 'ingest' in CliRunner().invoke(app, ['--help']).output\n"
        "assert CliRunner().invoke(app, ['--version']).exit_code == 0\n"
        "heavy = {'numpy', 'pyarrow', 'sqlalchemy', 'pydantic', 'faiss', 'recommend.settings'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    ran = CliRunner().invoke(app, ["statsu"])
    assert (ran.exit_code, "Did you mean 'status'" in ran.output) == (2, True), ran.output


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"related-articles {version('related-articles')}\n"
