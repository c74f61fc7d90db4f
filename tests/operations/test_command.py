"""The `obidient` command itself."""

import subprocess
import sys

import click

from obidient import cli


def test_every_command_is_listed_without_loading_the_app() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from obidient.cli import main; "
        "print(CliRunner().invoke(main, ['--help']).output); "
        "assert not {'flask', 'peewee', 'redis'} & set(sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    for name in cli.COMMANDS:
        assert f"\n  {name} " in told.stdout


def test_every_command_can_be_found() -> None:
    context = click.Context(cli.main)
    for name in cli.COMMANDS:
        found = cli.main.get_command(context, name)  # type: ignore[attr-defined]
        assert isinstance(found, click.Command), name
        assert found.get_short_help_str(200), name
