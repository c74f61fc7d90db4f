"""The `obidient` command: one group, each area's commands in its own `commands.py`."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import ParamSpec, TypeVar

import click
from peewee import DatabaseError

from obidient import __version__, create_app, database
from obidient.config import ConfigError
from obidient.errors import Problem

P = ParamSpec("P")
T = TypeVar("T")

#: Where each command lives; a module is imported only when one of its commands is asked for.
COMMANDS = {
    "agent": "obidient.sync.commands",
    "backup": "obidient.operations.backups.commands",
    "agents": "obidient.sync.commands",
    "campaign": "obidient.campaigns.commands",
    "collation": "obidient.results.collation.commands",
    "contacts": "obidient.contacts.commands",
    "db": "obidient.operations.commands",
    "demo": "obidient.operations.demo",
    "doctor": "obidient.operations.doctor.commands",
    "election": "obidient.results.commands",
    "plugins": "obidient.providers.commands",
    "queue": "obidient.operations.commands",
    "quickcount": "obidient.results.quickcount.commands",
    "register": "obidient.results.commands",
    "restore": "obidient.operations.backups.commands",
    "results": "obidient.results.commands",
    "setup": "obidient.operations.setup",
    "token": "obidient.accounts.commands",
    "up": "obidient.operations.up",
    "user": "obidient.accounts.commands",
    "worker": "obidient.operations.worker",
}


def with_app(function: Callable[P, T]) -> Callable[P, T]:
    """Run a command inside the app; errors meant for people become one line and exit code 1."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            app = create_app()
            with app.app_context():
                try:
                    return function(*args, **kwargs)
                except DatabaseError as error:
                    problem = database.trouble()
                    if problem is None:
                        raise
                    raise click.ClickException(problem) from error
        except (ConfigError, Problem) as error:
            raise click.ClickException(getattr(error, "detail", str(error))) from error

    return run


class Lazy(click.Group):
    """Finds a command `queue` as the attribute `queue` of the module that COMMANDS names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(module), cmd_name)
        return found


@click.command(cls=Lazy, help="Run campaigns, results and the servers behind them.")
@click.version_option(__version__, prog_name="obidient")
def main() -> None:
    """The entry point of the console script."""
